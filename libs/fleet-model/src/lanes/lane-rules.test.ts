import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from './lane-policy.ts';
import { isPausing, laneRules, LaneRuleSet, mergedLimits } from './lane-rules.ts';
import type { LanePolicySource } from './lane-rules.ts';

const issuer = 'Issuer.cert-manager.io/shop/ca';
const pause = { paused: true, pauseReason: 'maintenance' };

function source(name: string, spec: object, deletionTimestamp?: string): LanePolicySource {
  const metadata = { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) };
  return { metadata, spec: { issuers: [issuer], ...spec } };
}

const rulesOf = (...objects: readonly LanePolicySource[]) =>
  laneRules(objects, (object) => (isPausing(object) ? object.metadata.name : undefined));

describe('laneRules', () => {
  test('orders by precedence, then by name, and leaves out objects that are being deleted', () => {
    const rules = rulesOf(
      source('z', {}),
      source('high', { precedence: 1 }),
      source('a', {}),
      source('low', { precedence: -1 }),
      source('deleted', { ratePerSecond: 1, ...pause }, '2026-01-01T00:00:00Z'),
    );
    assert.deepEqual(
      rules.map(({ rule }) => rule.name),
      ['low', 'a', 'z', 'high'],
    );
  });

  test('has the limits of a valid policy, and nothing else of its spec', () => {
    const limits = { ratePerSecond: 2, windows: [{ cron: '0 1 * * *', durationMs: 60_000 }], priority: 9 };
    const [checked] = rulesOf(source('a', { ...limits, ...pause, precedence: 3, pausedBy: 'jane' }));
    assert.deepEqual(checked?.rule, { name: 'a', issuers: [issuer], policy: limits, pause: 'a' });
    assert.equal(checked.problem, undefined);
  });

  test('a policy that is not valid only pauses, and says why', () => {
    const faults: readonly (readonly [object, RegExp])[] = [
      [{ ratePerSecond: -1 }, /ratePerSecond/],
      [{ burst: 0 }, /burst/],
      [{ priority: 10 }, /priority/],
      [{ answerTimeoutMs: 1 }, /answerTimeoutMs/],
      [{ ratePerSec: 1 }, /must NOT have|additional|ratePerSec/i],
      [{ backoff: { threshold: 1, initialMs: 5, maxMs: 2 } }, /initialMs must be at most maxMs/],
      [{ windows: [{ cron: '99 99 * * *', durationMs: 60_000 }] }, /cron/],
      [{ windows: [{ cron: '0 1 * * *', durationMs: 60_000, timeZone: 'Mars/Base' }] }, /time zone/],
      [{ pauseReason: undefined, paused: true }, /pauseReason/],
      [{ issuers: ['x'.repeat(2_000), issuer] }, /issuers/],
      [{ issuers: [issuer, 7] }, /issuers/],
      [{ precedence: 'high' }, /precedence/],
    ];
    for (const [fault, message] of faults) {
      const [checked] = rulesOf(source('broken', { maxInFlight: 3, ...pause, ...fault }));
      assert.deepEqual(checked?.rule, { name: 'broken', issuers: [issuer], policy: {}, pause: 'broken' });
      assert.match(checked.problem ?? '', message);
    }
  });

  test('reads a spec that is no object', () => {
    for (const spec of [null, 'text', 7, []]) {
      const [checked] = laneRules([{ metadata: { name: 'odd' }, spec }], () => undefined);
      assert.deepEqual(checked?.rule, { name: 'odd', issuers: [], policy: {}, pause: undefined });
      assert.ok(checked.problem);
    }
  });
});

describe('LaneRuleSet', () => {
  test('finds rules by name and by pattern, each once, in their order', () => {
    const rules = rulesOf(
      source('a', { issuers: ['*'] }),
      source('b', { issuers: [issuer, 'Issuer.cert-manager.io/*'] }),
      source('c', { issuers: ['Issuer.cert-manager.io/other/*'] }),
    ).map(({ rule }) => rule);
    const set = new LaneRuleSet(rules);
    assert.deepEqual(
      set.of(issuer).map(({ name }) => name),
      ['a', 'b'],
    );
    assert.deepEqual(
      set.of('ClusterIssuer.cert-manager.io//x').map(({ name }) => name),
      ['a'],
    );
  });
});

describe('mergedLimits', () => {
  test('lets later rules win, field by field', () => {
    const rules = rulesOf(
      source('z', { ratePerSecond: 1, burst: 5 }),
      source('a', { ratePerSecond: 2, precedence: 1 }),
    ).map(({ rule }) => rule);
    assert.deepEqual(mergedLimits(defaultLanePolicy, rules), { ...defaultLanePolicy, ratePerSecond: 2, burst: 5 });
  });
});

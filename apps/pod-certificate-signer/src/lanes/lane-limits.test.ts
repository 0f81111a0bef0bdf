import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { laneKeyOf, LaneLimitTable, parseLanePolicy } from './lane-limits.ts';
import type { LanePolicyObject } from './lane-limits.ts';

const key = laneKeyOf('internal');
const pause = { paused: true, pauseReason: 'test' };

function policy(name: string, spec: object): LanePolicyObject {
  const object = parseLanePolicy({ metadata: { name }, spec: { issuers: [key], ...spec } });
  assert.ok(object);
  return object;
}

describe('LaneLimitTable', () => {
  test('pauses refreshes until the policies are loaded', () => {
    const table = new LaneLimitTable();
    assert.equal(table.of(key).isPaused, true);
    table.set([]);
    assert.deepEqual([table.of(key).isPaused, table.of(key).policy], [false, defaultLanePolicy]);
  });

  test('merges the matching policies field by field, and one pause is enough', () => {
    const table = new LaneLimitTable();
    table.set([
      policy('z', { ratePerSecond: 1, burst: 5 }),
      policy('a', { ratePerSecond: 2, precedence: 1 }),
      policy('p', { ...pause, precedence: -1, issuers: ['PodCertificateSigner.certfleet.io//*'] }),
      policy('other', { ratePerSecond: 9, precedence: 9, issuers: ['Issuer.cert-manager.io/*'] }),
    ]);
    const { policy: merged, isPaused } = table.of(key);
    assert.deepEqual([merged.ratePerSecond, merged.burst, isPaused], [2, 5, true]);
  });

  test('uses only the pause of a policy that is not valid, and says why', () => {
    const table = new LaneLimitTable();
    const problems = table.set([policy('broken', { ...pause, ratePerSecond: -1, maxInFlight: 3 })]);
    assert.match(problems.get('broken') ?? '', /ratePerSecond/);
    assert.deepEqual([table.of(key).isPaused, table.of(key).policy], [true, defaultLanePolicy]);
  });
});

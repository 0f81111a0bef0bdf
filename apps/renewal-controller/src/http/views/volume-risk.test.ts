import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../../fleet-index/model/indexed-volume.ts';
import { noVolumes } from '../../fleet-index/view/fleet-stats.ts';
import { FleetView } from '../../fleet-index/view/fleet-view.ts';
import type { RiskContext, RiskSources } from './volume-risk.ts';
import { atRiskByState, riskOf, riskReasonBy, riskSources } from './volume-risk.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const hour = 3_600_000;
const times = { notBeforeMs: nowMs - 20 * hour, renewAtMs: nowMs + hour, notAfterMs: nowMs + 9 * hour };
const volume = indexedVolumeOf('a', reportOf({ id: 'v', generation: 1, ...times }));
const none: RiskSources = {
  silentNodes: new Map(),
  everywhere: undefined,
  stoppedLanes: new Map(),
  closedLanes: new Map(),
};
const facts = { status: 'healthy', laneId: 'lane' } as const;

describe('riskOf', () => {
  test('the status of a volume comes before what surrounds it', () => {
    const silent = { ...none, silentNodes: new Map([['a', { reason: 'node-silent' } as const]]) };
    assert.equal(riskOf(none, volume, facts), undefined);
    assert.deepEqual(riskOf(silent, volume, facts), { reason: 'node-silent' });
    assert.deepEqual(riskOf(silent, volume, { ...facts, status: 'expired' }), {
      reason: 'expired',
      since: new Date(times.notAfterMs).toISOString(),
    });
    assert.equal(riskOf(silent, volume, { ...facts, status: 'overdue' })?.reason, 'overdue');
  });

  test('a volume is failing since the first failed attempt, as far as it is reported', () => {
    const sinceOf = (failingSinceMs?: number): string | undefined => {
      const sketch = { id: 'v', attempts: 3, failedAtMs: nowMs - hour, ...(failingSinceMs && { failingSinceMs }) };
      return riskOf(none, indexedVolumeOf('a', reportOf(sketch)), { ...facts, status: 'failing' })?.since;
    };
    assert.equal(sinceOf(nowMs - 5 * hour), new Date(nowMs - 5 * hour).toISOString());
    assert.equal(sinceOf(), new Date(nowMs - hour).toISOString(), 'an earlier agent reports the last attempt alone');
    assert.equal(sinceOf(nowMs), new Date(nowMs - hour).toISOString(), 'the clock of the node was set back');
  });

  test('a silent node comes before Redis, Redis before the lane', () => {
    const redis = { ...none, everywhere: { reason: 'redis-unavailable' } as const };
    const lane = new Map([['lane', { reason: 'lane-paused' } as const]]);
    assert.equal(riskOf({ ...redis, stoppedLanes: lane }, volume, facts)?.reason, 'redis-unavailable');
    assert.equal(riskOf({ ...none, stoppedLanes: lane }, volume, facts)?.reason, 'lane-paused');
    assert.equal(riskOf({ ...none, stoppedLanes: lane }, volume, { ...facts, laneId: 'other' }), undefined);
  });

  test('a closed window is a risk only if it opens after the latest start', () => {
    // A quarter of the eight hours between renew-at and not-after is two; the reserve is one hour at most.
    const opening = (inMs: number) => ({ ...none, closedLanes: new Map([['lane', nowMs + inMs]]) });
    assert.equal(riskOf(opening(8 * hour), volume, facts), undefined);
    assert.equal(riskOf(opening(8 * hour + 1), volume, facts)?.reason, 'lane-window');
    assert.equal(riskOf(opening(Infinity), volume, facts)?.reason, 'lane-window');
  });
});

describe('riskSources', () => {
  const risksOf = (standstill: () => Promise<{ readonly sinceMs: number | undefined } | undefined>) =>
    riskSources({
      view: () => new FleetView(),
      clock: { now: () => nowMs },
      silentAfterMs: hour,
      redisHealth: () => ({ reachable: true }),
      lanes: { all: () => Promise.resolve(new Map()) },
      dispatcher: { mark: { standstill } },
    } as unknown as RiskContext);

  test('names the policies while no replica dispatches renewals, with the time of the last one', async () => {
    const { everywhere } = await risksOf(() => Promise.resolve({ sinceMs: nowMs - hour }));
    assert.deepEqual(everywhere, { reason: 'policies-unknown', since: new Date(nowMs - hour).toISOString() });
    assert.deepEqual((await risksOf(() => Promise.resolve({ sinceMs: undefined }))).everywhere, {
      reason: 'policies-unknown',
    });
    assert.equal((await risksOf(() => Promise.resolve(undefined))).everywhere, undefined);
    assert.equal((await risksOf(() => Promise.reject(new Error('Redis')))).everywhere, undefined);
  });
});

const nodes = ['a', 'b'];
const issuers = ['one', 'two', 'three'];

/** Volumes of each status, some of which renew after the windows of `sources` open. */
const sketches = fc.array(
  fc.record({
    node: fc.constantFrom(...nodes),
    issuer: fc.constantFrom(...issuers),
    renewsInHours: fc.integer({ min: -6, max: 6 }),
    lifeInHours: fc.integer({ min: -1, max: 12 }),
    attempts: fc.constantFrom(0, 0, 0, 1),
  }),
  { maxLength: 20 },
);

const risk = { reason: 'lane-paused' } as const;
const sources = fc.record({
  silentNodes: fc.subarray(nodes).map((names) => new Map(names.map((name) => [name, risk] as const))),
  everywhere: fc.constantFrom(undefined, undefined, risk),
  stoppedLanes: fc.subarray(issuers).map((names) => new Map(names.map((name) => [name, risk] as const))),
  closedLanes: fc
    .subarray(issuers)
    .chain((names) => fc.tuple(fc.constant(names), fc.integer({ min: -2, max: 12 })))
    .map(([names, hours]) => new Map(names.map((name) => [name, nowMs + hours * hour] as const))),
});

function contextOf(view: FleetView): RiskContext {
  return {
    view: () => view,
    clock: { now: () => nowMs },
    policies: { laneOf: ({ name }: { readonly name: string }) => ({ id: name }) },
  } as unknown as RiskContext;
}

describe('atRiskByState', () => {
  test('counts the volumes that have a reason one by one', () => {
    fc.assert(
      fc.property(sketches, sources, (fleet, of) => {
        const view = new FleetView();
        for (const [i, { node, issuer, renewsInHours, lifeInHours, attempts }] of fleet.entries()) {
          const notAfterMs = nowMs + lifeInHours * hour;
          const renewAtMs = Math.min(nowMs + renewsInHours * hour, notAfterMs);
          const report = reportOf({
            id: `v-${i}`,
            issuer,
            notBeforeMs: nowMs - 9 * hour,
            renewAtMs,
            notAfterMs,
            attempts,
          });
          view.set(node, `v-${i}`, indexedVolumeOf(node, report));
        }
        const context = contextOf(view);
        const reasonOf = riskReasonBy(context, of);
        const expected = noVolumes();
        view.scan(nowMs, undefined, (each, status) => {
          if (reasonOf(each, status) !== undefined) expected[status] += 1;
        });
        assert.deepEqual(atRiskByState(context, of), expected);
      }),
      { numRuns: 1_000 },
    );
  });
});

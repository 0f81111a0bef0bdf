import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../../fleet-index/model/indexed-volume.ts';
import type { RiskSources } from './volume-risk.ts';
import { riskOf } from './volume-risk.ts';

const nowMs = Date.parse('2026-03-01T12:00:00Z');
const hour = 3_600_000;
const times = { notBeforeMs: nowMs - 20 * hour, renewAtMs: nowMs + hour, notAfterMs: nowMs + 9 * hour };
const volume = indexedVolumeOf('a', reportOf({ id: 'v', generation: 1, ...times }));
const none: RiskSources = { silentNodes: new Map(), redis: undefined, stoppedLanes: new Map(), closedLanes: new Map() };
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

  test('a silent node comes before Redis, Redis before the lane', () => {
    const redis = { ...none, redis: { reason: 'redis-unavailable' } as const };
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

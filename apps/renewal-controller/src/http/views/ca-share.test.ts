import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from '../../fleet-index/model/indexed-volume.ts';
import type { CaHour } from '../../fleet-index/view/ca-history.ts';
import { FleetView } from '../../fleet-index/view/fleet-view.ts';
import { caShare } from './ca-share.ts';

const [old, young] = ['0a'.repeat(32), '0b'.repeat(32)];
const nowMs = Date.parse('2026-03-01T12:30:00Z');
const hourMs = 3_600_000;
const at = (hoursAgo: number): number => Date.parse('2026-03-01T12:00:00Z') - hoursAgo * hourMs;

/** Volumes of the fleet by the fingerprint of their CA. */
function contextOf(hours: readonly CaHour[], cas: readonly string[]) {
  const view = new FleetView();
  cas.forEach((caFingerprint, i) => {
    view.set('node', `v${i}`, indexedVolumeOf('node', reportOf({ id: `v${i}`, caFingerprint })));
  });
  return {
    view: () => view,
    clock: new ManualClock(nowMs),
    caHistory: { hours: () => Promise.resolve(hours) },
  };
}

describe('the share of CAs', () => {
  test('ends with the current counts, whatever was recorded in this hour', async () => {
    const recorded = [
      { fromMs: at(2), volumes: 4, cas: new Map([[old, 4]]) },
      { fromMs: at(0), volumes: 9, cas: new Map([[old, 9]]) },
    ];
    const context = contextOf(recorded, [old, old, young]);
    const { hours, cas } = await caShare(context, (each) => (each === old ? 'CN=old' : undefined));
    assert.deepEqual(hours, [
      { from: '2026-03-01T10:00:00.000Z', volumes: 4 },
      { from: '2026-03-01T12:00:00.000Z', volumes: 3 },
    ]);
    assert.deepEqual(cas, [
      { fingerprint: old, subject: 'CN=old', counts: [4, 2] },
      { fingerprint: young, counts: [0, 1] },
    ]);
  });

  test('names the eight CAs with the largest share in any hour', async () => {
    const crowd = new Map(Array.from({ length: 20 }, (_, i) => [`crowd-${String(i).padStart(2, '0')}`, 50 - i]));
    const recorded = [
      { fromMs: at(3), volumes: 1, cas: new Map([[old, 1]]) },
      { fromMs: at(1), volumes: 1_000, cas: crowd },
    ];
    const { cas } = await caShare(contextOf(recorded, []), () => undefined);
    assert.deepEqual(
      cas.map(({ fingerprint }) => fingerprint),
      [old, ...[...crowd.keys()].slice(0, 7)],
    );
  });
});

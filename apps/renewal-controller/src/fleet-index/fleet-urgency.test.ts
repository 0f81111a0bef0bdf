import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import type { VolumeSketch } from '../dispatch/testing/test-fleet.ts';
import { weighUrgency } from './fleet-urgency.ts';
import { indexedVolumeOf } from './indexed-volume.ts';
import type { IndexedVolume } from './indexed-volume.ts';

const nowMs = 1_000_000;
const key = (name: string): string => `ClusterIssuer.cert-manager.io//${name}`;

/** A volume whose certificate lives 600 s, of which it has so many left; it is due when 200 are left. */
function volume(leftSeconds: number, sketch: Partial<VolumeSketch> = {}, node = 'node-a'): IndexedVolume {
  const notAfterMs = nowMs + leftSeconds * 1000;
  const times = { notBeforeMs: notAfterMs - 600_000, renewAtMs: notAfterMs - 200_000, notAfterMs };
  return indexedVolumeOf(node, reportOf({ id: `v-${leftSeconds}`, ...times, ...sketch }));
}

test('counts what is due, what even the agent should have renewed, and what comes close to its end', () => {
  const volumes = [300, 190, 140, 100, 50, 0, -10].map((left) => volume(left));
  const { due, overdue, halfLeft, quarterLeft, firstAtRiskMs } = weighUrgency(volumes, nowMs, new Set());
  assert.deepEqual({ due, overdue, halfLeft, quarterLeft }, { due: 6, overdue: 3, halfLeft: 2, quarterLeft: 1 });
  assert.equal(firstAtRiskMs, nowMs + 50_000);
});

test('nothing is overdue that failed, or that its agent leaves to the controller for its lane’s sake', () => {
  const held = { ...volume(140), deferredUntilMs: nowMs };
  assert.equal(weighUrgency([volume(140)], nowMs, new Set()).overdue, 1);
  assert.equal(weighUrgency([held, volume(140, { attempts: 1 })], nowMs, new Set()).overdue, 0);
});

test('the lag of a lane is that of the oldest volume that waits for it', () => {
  const volumes = [
    volume(190),
    volume(150),
    volume(120, { attempts: 1 }),
    volume(110, {}, 'silent'),
    volume(180, { issuer: 'other' }),
    volume(300, { issuer: 'idle' }),
  ];
  assert.deepEqual(
    weighUrgency(volumes, nowMs, new Set(['silent'])).oldestDueMs,
    new Map([
      [key('ca'), nowMs - 50_000],
      [key('other'), nowMs - 20_000],
    ]),
  );
});

test('a fleet in order has nothing to tell', () => {
  const { due, overdue, halfLeft, firstAtRiskMs, oldestDueMs } = weighUrgency([volume(300)], nowMs, new Set());
  assert.deepEqual([due, overdue, halfLeft, firstAtRiskMs, oldestDueMs.size], [0, 0, 0, undefined, 0]);
});

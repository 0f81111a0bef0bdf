import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import type { VolumeSketch } from '../../dispatch/testing/test-fleet.ts';
import { weighUrgency } from './fleet-urgency.ts';
import { indexedVolumeOf } from '../model/indexed-volume.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';

const nowMs = 1_000_000;
const key = (name: string): string => `ClusterIssuer.cert-manager.io//${name}`;

/** A volume whose certificate has a lifetime of 600 s and this many seconds left; it is due at 200 s. */
function volume(leftSeconds: number, sketch: Partial<VolumeSketch> = {}, node = 'node-a'): IndexedVolume {
  const notAfterMs = nowMs + leftSeconds * 1000;
  const times = { notBeforeMs: notAfterMs - 600_000, renewAtMs: notAfterMs - 200_000, notAfterMs };
  return indexedVolumeOf(node, reportOf({ id: `v-${leftSeconds}`, ...times, ...sketch }));
}

describe('weighUrgency', () => {
  test('counts volumes that are due, past their fallback deadline, or close to expiry', () => {
    const volumes = [300, 190, 140, 100, 50, 0, -10].map((left) => volume(left));
    const { due, overdue, halfLeft, quarterLeft, firstExpiringSoonMs } = weighUrgency(volumes, nowMs, new Set());
    assert.deepEqual({ due, overdue, halfLeft, quarterLeft }, { due: 6, overdue: 3, halfLeft: 2, quarterLeft: 1 });
    assert.equal(firstExpiringSoonMs, nowMs + 50_000);
  });

  test('does not count failed or deferred volumes as overdue', () => {
    const deferred = { ...volume(140), deferredUntilMs: nowMs };
    assert.equal(weighUrgency([volume(140)], nowMs, new Set()).overdue, 1);
    assert.equal(weighUrgency([deferred, volume(140, { attempts: 1 })], nowMs, new Set()).overdue, 0);
  });

  test('returns the oldest waiting volume of each lane', () => {
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

  test('is empty for a healthy fleet', () => {
    const { due, overdue, halfLeft, firstExpiringSoonMs, oldestDueMs } = weighUrgency([volume(300)], nowMs, new Set());
    assert.deepEqual([due, overdue, halfLeft, firstExpiringSoonMs, oldestDueMs.size], [0, 0, 0, undefined, 0]);
  });
});

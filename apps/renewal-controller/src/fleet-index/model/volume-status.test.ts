import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportOf } from '../../dispatch/testing/test-fleet.ts';
import type { VolumeSketch } from '../../dispatch/testing/test-fleet.ts';
import { indexedVolumeOf } from './indexed-volume.ts';
import type { IndexedVolume } from './indexed-volume.ts';
import { volumeStatus } from './volume-status.ts';

const nowMs = Date.now();
const hourMs = 3_600_000;

function volumeOf(sketch: Omit<VolumeSketch, 'id'>): IndexedVolume {
  return indexedVolumeOf('node-a', reportOf({ id: 'v', notBeforeMs: nowMs - hourMs, ...sketch }));
}

describe('volumeStatus', () => {
  test('returns the most important of several statuses', () => {
    const expired = volumeOf({ notAfterMs: nowMs - 1, attempts: 2 });
    const failing = volumeOf({ renewAtMs: nowMs - hourMs / 2, attempts: 1 });
    const late = volumeOf({ renewAtMs: nowMs - hourMs / 2 });
    const due = volumeOf({ renewAtMs: nowMs - 1 });
    const fresh = volumeOf({ renewAtMs: nowMs + 1 });
    assert.equal(volumeStatus(expired, nowMs, true, true), 'expired');
    assert.equal(volumeStatus(failing, nowMs, true, true), 'failing');
    assert.equal(volumeStatus(late, nowMs, true, false), 'in-flight');
    assert.equal(volumeStatus(late, nowMs, false, true), 'overdue');
    assert.equal(volumeStatus(due, nowMs, false, false), 'due');
    assert.equal(volumeStatus(fresh, nowMs, false, false), 'healthy');
  });

  test('is due early when the renewal waits in its lane, and not overdue while the agent defers', () => {
    const fresh = volumeOf({ renewAtMs: nowMs + hourMs / 2 });
    assert.equal(volumeStatus(fresh, nowMs, false, true), 'due');
    const deferred = { ...volumeOf({ renewAtMs: nowMs - hourMs / 2 }), deferredUntilMs: nowMs + 60_000 };
    assert.equal(volumeStatus(deferred, nowMs, false, true), 'due');
  });

  test('is pending without a certificate until an attempt fails or is in flight', () => {
    const { certificate, ...pending } = volumeOf({});
    assert.ok(certificate !== undefined);
    assert.equal(volumeStatus(pending, nowMs, false, false), 'pending');
    assert.equal(volumeStatus(pending, nowMs, true, false), 'in-flight');
  });
});

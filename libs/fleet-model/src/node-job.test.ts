import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deferralJob, nodeJobNames, readNodeJob, renewalJob } from './node-job.ts';

describe('renewalJob and deferralJob', () => {
  test('produce the stored format', () => {
    const volume = { volumeId: 'csi-1', generation: 7 };
    assert.deepEqual(nodeJobNames, { renewal: 'renew', deferral: 'defer' });
    assert.deepEqual(renewalJob(volume, 'due', 1), { ...volume, cause: 'due', requestedAtMs: 1 });
    assert.deepEqual(renewalJob(volume, 'retry', 1), { ...volume, cause: 'retry', requestedAtMs: 1 });
    const requested = { ...volume, cause: 'requested', requestedAtMs: 1, requested: true };
    assert.deepEqual(renewalJob(volume, 'requested', 1), requested);
    assert.deepEqual(deferralJob(volume, 60_000), { ...volume, untilMs: 60_000 });
  });
});

describe('readNodeJob', () => {
  test('reads the jobs of the controller', () => {
    const volume = { volumeId: 'csi-1', generation: 7 };
    assert.deepEqual(readNodeJob('renew', { ...volume, cause: 'due', requestedAtMs: 1 }), volume);
    const requested = { ...volume, cause: 'requested', requestedAtMs: 1, requested: true };
    assert.deepEqual(readNodeJob('renew', requested), { ...volume, isRequestedByPerson: true });
    for (const other of [false, 'true', 1, null])
      assert.deepEqual(readNodeJob('renew', { ...volume, requested: other }), volume, JSON.stringify(other));
    assert.deepEqual(readNodeJob('defer', { ...volume, untilMs: 60_000 }), { ...volume, deferUntil: new Date(60_000) });
  });

  test('rejects malformed jobs', () => {
    const good = { volumeId: 'csi-1', generation: 7, untilMs: 1 };
    const bad: readonly (readonly [string, unknown])[] = [
      ['renew', undefined],
      ['renew', 'csi-1'],
      ['renew', { ...good, volumeId: 7 }],
      ['renew', { ...good, volumeId: 'x'.repeat(257) }],
      ['renew', { ...good, generation: -1 }],
      ['renew', { ...good, generation: '7' }],
      ['defer', { ...good, untilMs: undefined }],
      ['defer', { ...good, untilMs: 2 ** 53 }],
      ['defer', { ...good, untilMs: 8.65e15 }],
      ['explode', good],
    ];
    for (const [name, data] of bad) assert.equal(readNodeJob(name, data), undefined, JSON.stringify([name, data]));
  });
});

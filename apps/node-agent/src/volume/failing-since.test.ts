import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { volumeReport } from '../fleet/volume-report.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
afterEach(() => harness.remove());

const minuteMs = 60_000;
const unavailable = new CertfleetError('unavailable', 'the issuer does not answer');

/** A volume of 24 hours whose renewal at 16 hours fails, and then a few more times. */
async function failingVolume(): Promise<string> {
  harness = await VolumeTestHarness.open();
  const request = harness.request('web', { duration: '24h' });
  await harness.publish(request);
  harness.issuer.failure = unavailable;
  await untilAttempts(request.volumeId, 3);
  return request.volumeId;
}

/** Advances until this attempt has failed, in steps that are shorter than the first back-off. */
async function untilAttempts(volumeId: string, attempts: number): Promise<void> {
  const failed = (): number => harness.manager.volume(volumeId)?.failedAttempts ?? NaN;
  for (let step = 0; step < 24 * 3_600 && failed() < attempts; step += 1) {
    const dueMs = harness.manager.volume(volumeId)?.record.issued?.renewAt.getTime() ?? 0;
    await harness.clock.advance(harness.clock.now() < dueMs - minuteMs ? minuteMs : 1_000);
  }
  assert.equal(failed(), attempts);
}

function reportedFailure(volumeId: string): ReturnType<typeof volumeReport>['lastFailure'] {
  const volume = harness.manager.volume(volumeId);
  assert.ok(volume);
  return volumeReport(volume, harness.clock.now()).lastFailure;
}

describe('the time since which a volume is failing', () => {
  test('is that of the first failed attempt, also after a restart of the agent', async () => {
    const volumeId = await failingVolume();
    const first = reportedFailure(volumeId);
    assert.ok(first?.since && first.at && first.since < first.at);
    await harness.restart();
    await untilAttempts(volumeId, 5);
    const later = reportedFailure(volumeId);
    assert.ok(later?.at && later.at > first.at);
    assert.deepEqual(later.since, first.since);
  });

  test('begins anew with the first failure after a success', async () => {
    const volumeId = await failingVolume();
    const first = reportedFailure(volumeId);
    harness.issuer.failure = undefined;
    while (harness.manager.volume(volumeId)?.record.generation !== 2) await harness.clock.advance(minuteMs);
    assert.equal(reportedFailure(volumeId), undefined);
    harness.issuer.failure = unavailable;
    await untilAttempts(volumeId, 1);
    const next = reportedFailure(volumeId);
    assert.ok(first?.at && next?.since && next.since > first.at);
    assert.deepEqual(next.since, next.at);
  });

  test('is the last attempt of an earlier agent, if that one did not store it', async () => {
    const volumeId = await failingVolume();
    const record = harness.store.readRecord(volumeId);
    assert.ok(record.lastFailure);
    harness.store.writeRecord({ ...record, lastFailure: { ...record.lastFailure, since: undefined } });
    await harness.restart();
    assert.equal(reportedFailure(volumeId)?.since, undefined);
    await untilAttempts(volumeId, 4);
    assert.deepEqual(reportedFailure(volumeId)?.since, record.lastFailure.at);
  });
});

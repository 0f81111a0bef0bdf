import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
afterEach(() => harness.remove());

describe('a volume mounted before its readiness gate opened', () => {
  test('gets its certificate soon after the gate opens, however long that takes', async () => {
    harness = await VolumeTestHarness.open({ continueOnNotReady: true });
    harness.issuer.failure = new CertfleetError('deadline-exceeded', 'no annotation yet', { reason: 'GatePending' });
    const request = harness.request('web', { duration: '720h' });
    await harness.publish(request);
    // In steps, because each attempt does real work, for which one large step would leave no time.
    for (let second = 0; second < 600; second++) await harness.clock.advance(1_000);
    assert.equal(harness.serial(request), undefined);
    assert.equal(harness.manager.volume(request.volumeId)?.failedAttempts, 0);
    harness.issuer.failure = undefined;
    for (let second = 0; second < 10; second++) await harness.clock.advance(1_000);
    assert.notEqual(harness.serial(request), undefined);
  });

  test('defers the controller’s job, since its own schedule issues the first certificate', async () => {
    harness = await VolumeTestHarness.open({ continueOnNotReady: true, hasController: true });
    harness.issuer.failure = new CertfleetError('deadline-exceeded', 'no annotation yet', { reason: 'GatePending' });
    const request = harness.request('web', { duration: '720h' });
    await harness.publish(request);
    for (let second = 0; second < 60; second++) await harness.clock.advance(1_000);
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 0), 'deferred');
    assert.equal(harness.manager.deferredForMs(request.volumeId), 60_000);
    harness.issuer.failure = undefined;
    for (let second = 0; second < 10; second++) await harness.clock.advance(1_000);
    assert.equal(harness.manager.deferredForMs(request.volumeId), 0);
  });
});

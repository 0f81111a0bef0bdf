import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
afterEach(() => bench.remove());

describe('a volume mounted before its readiness gate opened', () => {
  test('gets its certificate soon after the gate opens, however long that takes', async () => {
    bench = await VolumeTestHarness.open({ continueOnNotReady: true });
    bench.issuer.failure = new CertfleetError('deadline-exceeded', 'no annotation yet', { reason: 'GatePending' });
    const request = bench.request('web', { duration: '720h' });
    await bench.publish(request);
    // In steps, because each attempt does real work, for which one large step would leave no time.
    for (let second = 0; second < 600; second++) await bench.clock.advance(1_000);
    assert.equal(bench.serial(request), undefined);
    assert.equal(bench.manager.volume(request.volumeId)?.failedAttempts, 0);
    bench.issuer.failure = undefined;
    for (let second = 0; second < 10; second++) await bench.clock.advance(1_000);
    assert.notEqual(bench.serial(request), undefined);
  });
});

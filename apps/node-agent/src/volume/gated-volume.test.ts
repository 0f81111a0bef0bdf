import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
afterEach(() => bench.remove());

describe('a pod that started without its certificate', () => {
  test('gets it soon after its gate opens, however long that took', async () => {
    bench = await VolumeTestHarness.open({ continueOnNotReady: true });
    bench.issuer.failure = new CertfleetError('deadline-exceeded', 'no annotation yet', { reason: 'GatePending' });
    const request = bench.request('web', { duration: '720h' });
    await bench.publish(request);
    // In steps: a try does real work, which one leap over its deadline would leave no time.
    for (let second = 0; second < 600; second++) await bench.clock.advance(1_000);
    assert.equal(bench.serial(request), undefined);
    assert.equal(bench.manager.volume(request.volumeId)?.failedAttempts, 0);
    bench.issuer.failure = undefined;
    for (let second = 0; second < 10; second++) await bench.clock.advance(1_000);
    assert.notEqual(bench.serial(request), undefined);
  });
});

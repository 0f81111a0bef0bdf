import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { BenchChanges } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
const open = async (changes: BenchChanges = {}): Promise<VolumeTestHarness> =>
  (bench = await VolumeTestHarness.open(changes));
afterEach(() => bench.remove());
const tokens = (token: string): string => JSON.stringify({ '': { token } });

describe('token-request mode', () => {
  test('requests as the pod, with the newest token of a republish', async () => {
    await open({ useTokenRequest: true });
    await bench.publish(bench.request('web', {}, tokens('old-token')));
    await bench.publish(bench.request('web', {}, tokens('new-token')));
    await bench.restart();
    await bench.clock.advance(20_000);
    assert.deepEqual(
      bench.issuer.requests.map(({ serviceAccountToken }) => serviceAccountToken),
      ['old-token', 'new-token'],
    );
    assert.ok(!bench.log.includes('-token'));
  });

  test('fails without a token and names what is missing', async () => {
    await open({ useTokenRequest: true });
    await assert.rejects(bench.publish(bench.request('web')), { code: 'unavailable', reason: 'TokenMissing' });
    await assert.rejects(bench.publish(bench.request('web', {}, 'no JSON but-secret')), (error: CertfleetError) => {
      assert.ok(!error.message.includes('but-secret'));
      return error.reason === 'TokenMissing';
    });
  });
});

import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { HarnessChanges } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (changes: HarnessChanges = {}): Promise<VolumeTestHarness> =>
  (harness = await VolumeTestHarness.open(changes));
afterEach(() => harness.remove());
const tokens = (token: string): string => JSON.stringify({ '': { token } });

describe('token-request mode', () => {
  test('requests as the pod, with the newest token of a republish', async () => {
    await open({ useTokenRequest: true });
    await harness.publish(harness.request('web', {}, tokens('old-token')));
    await harness.publish(harness.request('web', {}, tokens('new-token')));
    await harness.restart();
    await harness.clock.advance(20_000);
    assert.deepEqual(
      harness.issuer.requests.map(({ serviceAccountToken }) => serviceAccountToken),
      ['old-token', 'new-token'],
    );
    assert.ok(!harness.log.includes('-token'));
  });

  test('fails without a token and names what is missing', async () => {
    await open({ useTokenRequest: true });
    await assert.rejects(harness.publish(harness.request('web')), { code: 'unavailable', reason: 'TokenMissing' });
    await assert.rejects(harness.publish(harness.request('web', {}, 'no JSON but-secret')), (error: CertfleetError) => {
      assert.ok(!error.message.includes('but-secret'));
      return error.reason === 'TokenMissing';
    });
  });
});

import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { readCertificateSigningRequest } from '@certfleet/shared/x509/read-certificate-signing-request.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { HarnessChanges } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (changes: HarnessChanges = {}): Promise<VolumeTestHarness> =>
  (harness = await VolumeTestHarness.open(changes));
afterEach(() => harness.remove());
const denied = new CertfleetError('permission-denied', 'denied by policy', { reason: 'RequestDenied' });
const down = new CertfleetError('unavailable', 'the issuer is down');

describe('publish', () => {
  test('issues once for twenty concurrent calls', async () => {
    await open();
    const request = harness.request('web');
    await Promise.all(Array.from({ length: 20 }, () => harness.publish(request)));
    assert.equal(harness.issuer.requests.length, 1);
    assert.deepEqual([...harness.mounter.mounted.keys()], [request.targetPath]);
    assert.deepEqual(
      harness.events.map(({ reason }) => reason),
      ['Issued'],
    );
  });

  test('refuses a published volume at another target and changes nothing', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    await assert.rejects(harness.publish({ ...request, targetPath: `${request.targetPath}-2` }), {
      code: 'already-exists',
    });
    assert.deepEqual([...harness.mounter.mounted.keys()], [request.targetPath]);
  });

  test('after a denial makes the next request after an hour, whatever kubelet and agent do before', async () => {
    await open();
    harness.issuer.failure = denied;
    const request = harness.request('web');
    // A code after which the kubelet retries, or unpublishes when the pod is deleted.
    const refused = { code: 'unavailable', reason: 'RequestDenied' };
    await assert.rejects(harness.publish(request), refused);
    assert.equal(harness.events.at(-1)?.reason, 'RequestDenied');
    assert.match(harness.events.at(-1)?.message ?? '', /denied by policy; the next request is made at 2026-11-24T01:0/);
    for (let minute = 0; minute < 58; minute++) {
      await harness.clock.advance(60_000);
      if (minute % 20 === 0) await harness.restart();
      await assert.rejects(harness.publish(request), { ...refused, message: /the next request is made at/ });
    }
    assert.equal(harness.issuer.requests.length, 1);
    harness.issuer.failure = undefined;
    await harness.clock.advance(10 * 60_000);
    await harness.publish(request);
    const [first, second] = harness.issuer.requests;
    assert.notEqual(second?.requestName, first?.requestName);
    assert.notEqual(second?.csrPem, first?.csrPem);
    assert.ok(harness.issuer.discarded.includes(first?.requestName ?? ''));
  });

  test('after a timeout resumes with the same request and key', async () => {
    await open();
    harness.issuer.hold();
    const request = harness.request('web');
    const first = assert.rejects(harness.publish(request), { code: 'deadline-exceeded' });
    await harness.clock.advance(0);
    await harness.clock.advance(30_000);
    await first;
    harness.issuer.release();
    await harness.publish(request);
    const [before, after] = harness.issuer.requests;
    assert.equal(after?.requestName, before?.requestName);
    const keyOf = (csrPem: string | undefined): Buffer => readCertificateSigningRequest(csrPem ?? '').publicKey;
    assert.deepEqual(keyOf(after?.csrPem), keyOf(before?.csrPem));
    assert.equal(harness.store.readRecord(request.volumeId).generation, 1);
  });

  test('times out early enough for the response to reach a kubelet with a short deadline', async () => {
    await open();
    harness.issuer.hold();
    const publish = harness.publish(harness.request('web'), { deadlineMs: harness.clock.monotonic() + 10_000 });
    const refused = assert.rejects(publish, { code: 'deadline-exceeded', message: /after 8 s/ });
    await harness.clock.advance(0);
    await harness.clock.advance(8_000);
    await refused;
  });

  test('after a failed mount requests no second certificate', async () => {
    await open();
    harness.mounter.failure = new Error('no memory for a mount');
    const request = harness.request('web');
    await assert.rejects(harness.publish(request), { code: 'unavailable', reason: 'MountFailed' });
    await harness.publish(request);
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('ends the issuance when the caller cancels', async () => {
    await open();
    harness.issuer.hold();
    const caller = new AbortController();
    const refused = assert.rejects(harness.publish(harness.request('web'), { signal: caller.signal }));
    await harness.clock.advance(0);
    caller.abort(new CertfleetError('cancelled', 'the caller hung up'));
    await refused;
  });

  test('reports all invalid attributes to the pod and creates nothing', async () => {
    await open();
    const request = harness.request('web', { duration: 'soon', 'key-size': '7' });
    await assert.rejects(harness.publish(request), {
      code: 'invalid-argument',
      message: /duration.*key-size|key-size.*duration/s,
    });
    assert.deepEqual(
      harness.events.map(({ reason }) => reason),
      ['InvalidAttributes'],
    );
    assert.equal(harness.store.has(request.volumeId), false);
  });

  test('with continue-on-not-ready mounts first and writes the files later', async () => {
    await open({ continueOnNotReady: true });
    harness.issuer.failure = down;
    const request = harness.request('web');
    await harness.publish(request);
    assert.equal(harness.serial(request), undefined);
    assert.ok(harness.mounter.mounted.has(request.targetPath));
    await harness.clock.advance(0);
    assert.equal(harness.serial(request), undefined);
    harness.issuer.failure = undefined;
    await harness.clock.advance(5_000);
    assert.notEqual(harness.serial(request), undefined);
  });
});

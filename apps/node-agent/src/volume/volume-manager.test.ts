import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { readCertificateSigningRequest } from '../crypto/read-certificate-signing-request.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { BenchChanges } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
const open = async (changes: BenchChanges = {}): Promise<VolumeTestHarness> =>
  (bench = await VolumeTestHarness.open(changes));
afterEach(() => bench.remove());
const denied = new CertfleetError('permission-denied', 'denied by policy', { reason: 'RequestDenied' });
const down = new CertfleetError('unavailable', 'the issuer is down');

describe('publish', () => {
  test('issues once for twenty concurrent calls', async () => {
    await open();
    const request = bench.request('web');
    await Promise.all(Array.from({ length: 20 }, () => bench.publish(request)));
    assert.equal(bench.issuer.requests.length, 1);
    assert.deepEqual([...bench.mounter.mounted.keys()], [request.targetPath]);
    assert.deepEqual(
      bench.events.map(({ reason }) => reason),
      ['Issued'],
    );
  });

  test('refuses a published volume at another target and changes nothing', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    await assert.rejects(bench.publish({ ...request, targetPath: `${request.targetPath}-2` }), {
      code: 'already-exists',
    });
    assert.deepEqual([...bench.mounter.mounted.keys()], [request.targetPath]);
  });

  test('after a denial makes the next request after an hour, whatever kubelet and agent do before', async () => {
    await open();
    bench.issuer.failure = denied;
    const request = bench.request('web');
    // A code after which the kubelet retries, or unpublishes when the pod is deleted.
    const refused = { code: 'unavailable', reason: 'RequestDenied' };
    await assert.rejects(bench.publish(request), refused);
    assert.equal(bench.events.at(-1)?.reason, 'RequestDenied');
    assert.match(bench.events.at(-1)?.message ?? '', /denied by policy; the next request is made at 2026-11-24T01:0/);
    for (let minute = 0; minute < 58; minute++) {
      await bench.clock.advance(60_000);
      if (minute % 20 === 0) await bench.restart();
      await assert.rejects(bench.publish(request), { ...refused, message: /the next request is made at/ });
    }
    assert.equal(bench.issuer.requests.length, 1);
    bench.issuer.failure = undefined;
    await bench.clock.advance(10 * 60_000);
    await bench.publish(request);
    const [first, second] = bench.issuer.requests;
    assert.notEqual(second?.requestName, first?.requestName);
    assert.notEqual(second?.csrPem, first?.csrPem);
    assert.ok(bench.issuer.discarded.includes(first?.requestName ?? ''));
  });

  test('after a timeout resumes with the same request and key', async () => {
    await open();
    bench.issuer.hold();
    const request = bench.request('web');
    const first = assert.rejects(bench.publish(request), { code: 'deadline-exceeded' });
    await bench.clock.advance(0);
    await bench.clock.advance(30_000);
    await first;
    bench.issuer.release();
    await bench.publish(request);
    const [before, after] = bench.issuer.requests;
    assert.equal(after?.requestName, before?.requestName);
    const keyOf = (csrPem: string | undefined): Buffer => readCertificateSigningRequest(csrPem ?? '').publicKey;
    assert.deepEqual(keyOf(after?.csrPem), keyOf(before?.csrPem));
    assert.equal(bench.store.readRecord(request.volumeId).generation, 1);
  });

  test('times out early enough for the response to reach a kubelet with a short deadline', async () => {
    await open();
    bench.issuer.hold();
    const publish = bench.publish(bench.request('web'), { deadlineMs: bench.clock.monotonic() + 10_000 });
    const refused = assert.rejects(publish, { code: 'deadline-exceeded', message: /after 8 s/ });
    await bench.clock.advance(0);
    await bench.clock.advance(8_000);
    await refused;
  });

  test('after a failed mount requests no second certificate', async () => {
    await open();
    bench.mounter.failure = new Error('no memory for a mount');
    const request = bench.request('web');
    await assert.rejects(bench.publish(request), { code: 'unavailable', reason: 'MountFailed' });
    await bench.publish(request);
    assert.equal(bench.issuer.requests.length, 1);
  });

  test('ends the issuance when the caller cancels', async () => {
    await open();
    bench.issuer.hold();
    const caller = new AbortController();
    const refused = assert.rejects(bench.publish(bench.request('web'), { signal: caller.signal }));
    await bench.clock.advance(0);
    caller.abort(new CertfleetError('cancelled', 'the caller hung up'));
    await refused;
  });

  test('reports all invalid attributes to the pod and creates nothing', async () => {
    await open();
    const request = bench.request('web', { duration: 'soon', 'key-size': '7' });
    await assert.rejects(bench.publish(request), {
      code: 'invalid-argument',
      message: /duration.*key-size|key-size.*duration/s,
    });
    assert.deepEqual(
      bench.events.map(({ reason }) => reason),
      ['InvalidAttributes'],
    );
    assert.equal(bench.store.has(request.volumeId), false);
  });

  test('with continue-on-not-ready mounts first and writes the files later', async () => {
    await open({ continueOnNotReady: true });
    bench.issuer.failure = down;
    const request = bench.request('web');
    await bench.publish(request);
    assert.equal(bench.serial(request), undefined);
    assert.ok(bench.mounter.mounted.has(request.targetPath));
    await bench.clock.advance(0);
    assert.equal(bench.serial(request), undefined);
    bench.issuer.failure = undefined;
    await bench.clock.advance(5_000);
    assert.notEqual(bench.serial(request), undefined);
  });
});

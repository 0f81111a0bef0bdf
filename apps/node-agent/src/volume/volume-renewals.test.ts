import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (bench = await VolumeTestHarness.open());
afterEach(() => bench.remove());
const denied = new CertfleetError('permission-denied', 'denied by policy', { reason: 'RequestDenied' });
const down = new CertfleetError('unavailable', 'the issuer is down');

describe('renewal', () => {
  test('starts at two thirds of the lifetime, with a new key', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    const [serial, key] = [bench.serial(request), bench.store.readPayload(request.volumeId).get('tls.key')];
    await bench.clock.advance(19_999);
    assert.equal(bench.serial(request), serial);
    await bench.clock.advance(1);
    assert.notEqual(bench.serial(request), serial);
    assert.notDeepEqual(bench.store.readPayload(request.volumeId).get('tls.key'), key);
    assert.equal(bench.events.at(-1)?.reason, 'Renewed');
  });

  test('keeps the key if the volume requests it', async () => {
    await open();
    const request = bench.request('web', { 'reuse-private-key': 'true' });
    await bench.publish(request);
    const [serial, key] = [bench.serial(request), bench.store.readPayload(request.volumeId).get('tls.key')];
    await bench.clock.advance(20_000);
    assert.notEqual(bench.serial(request), serial);
    assert.deepEqual(bench.store.readPayload(request.volumeId).get('tls.key'), key);
  });

  test('after a failure keeps the old files, reports the reason everywhere, and retries with growing waits', async () => {
    await open();
    const request = bench.request('web', { duration: '720h' });
    await bench.publish(request);
    const serial = bench.serial(request);
    bench.issuer.failure = down;
    await bench.clock.advance(480 * 3_600_000);
    const tries: number[] = [];
    const startMs = bench.clock.now();
    while (tries.length < 6) {
      const before = bench.issuer.requests.length;
      await bench.clock.advance(1_000);
      if (bench.issuer.requests.length > before) tries.push((bench.clock.now() - startMs) / 1_000);
    }
    const waits = tries.map((at, index) => at - (tries[index - 1] ?? 0));
    waits.forEach((wait, index) => {
      const base = Math.min(30 * 2 ** index, 300);
      assert.ok(wait >= base && wait <= base * 1.5 + 1, `wait ${index}: ${wait} s`);
    });
    assert.equal(bench.serial(request), serial);
    const event = bench.events.at(-1);
    assert.equal(event?.reason, 'RenewalFailed');
    assert.match(event.message, /the issuer is down; the certificate stays valid until .*, next attempt at /);
    assert.match(bench.log, /"error":"the issuer is down".*"msg":"renewal failed"/);
    assert.match(await bench.metrics.registry.metrics(), /issuances_total\{result="error",cause="retry"\} 6/);
    bench.issuer.failure = undefined;
    await bench.clock.advance(450_000);
    assert.notEqual(bench.serial(request), serial);
  });

  test('waiting for approval checks every half minute, without a limit', async () => {
    await open();
    const request = bench.request('web', { duration: '720h' });
    await bench.publish(request);
    bench.issuer.failure = new CertfleetError('deadline-exceeded', 'not approved yet', { reason: 'RequestPending' });
    await bench.clock.advance(480 * 3_600_000);
    const before = bench.issuer.requests.length;
    await bench.clock.advance(20 * 30_000);
    assert.equal(bench.issuer.requests.length - before, 20);
    assert.equal(new Set(bench.issuer.requests.slice(before).map(({ requestName }) => requestName)).size, 1);
  });

  test('after a denial makes a request with a new key and deletes the denied one', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.issuer.failure = denied;
    await bench.clock.advance(20_000);
    bench.issuer.failure = undefined;
    await bench.clock.advance(5_000);
    const [, refused, again] = bench.issuer.requests;
    assert.notEqual(again?.requestName, refused?.requestName);
    assert.notEqual(again?.csrPem, refused?.csrPem);
    assert.ok(bench.issuer.discarded.includes(refused?.requestName ?? ''));
  });
});

describe('a renewal that the controller defers', () => {
  const held = async (): Promise<ReturnType<VolumeTestHarness['request']>> => {
    bench = await VolumeTestHarness.open({ hasController: true });
    const request = bench.request('web', { duration: '30h' });
    await bench.publish(request);
    return request;
  };
  const hours = (count: number): number => count * 3_600_000;
  const inHours = (count: number): Date => new Date(bench.clock.now() + hours(count));

  test('starts at the end of the deferral instead of its own deadline, also after a restart', async () => {
    const request = await held();
    const serial = bench.serial(request);
    assert.equal(await bench.manager.deferGeneration(request.volumeId, 1, inHours(24)), 'deferred');
    await bench.clock.advance(hours(22));
    await bench.restart();
    await bench.clock.advance(hours(2));
    assert.equal(bench.serial(request), serial);
    await bench.clock.advance(10 * 60_000);
    assert.notEqual(bench.serial(request), serial);
  });

  test('starts before the certificate expires, however long the deferral', async () => {
    const request = await held();
    const serial = bench.serial(request);
    assert.equal(await bench.manager.deferGeneration(request.volumeId, 1, inHours(1_000)), 'deferred');
    await bench.clock.advance(hours(29) - 1);
    assert.equal(bench.serial(request), serial);
    await bench.clock.advance(15 * 60_000 + 1);
    assert.notEqual(bench.serial(request), serial);
  });

  test('can still be started by a job, and the next one is not deferred', async () => {
    const request = await held();
    await bench.manager.deferGeneration(request.volumeId, 1, inHours(24));
    assert.equal(await bench.manager.renewGeneration(request.volumeId, 1), 'too-soon');
    await bench.clock.advance(hours(1));
    assert.equal(await bench.manager.renewGeneration(request.volumeId, 1), 'renewed');
    assert.equal(bench.manager.volume(request.volumeId)?.record.deferredUntil, undefined);
    assert.equal(await bench.manager.deferGeneration(request.volumeId, 1, inHours(24)), 'superseded');
    assert.equal(await bench.manager.deferGeneration('csi-nobody', 1, inHours(24)), 'not-here');
  });

  test('is not retried after a failure before the deferral ends', async () => {
    const request = await held();
    await bench.clock.advance(hours(19));
    bench.issuer.failure = down;
    await assert.rejects(bench.manager.renewGeneration(request.volumeId, 1));
    await bench.manager.deferGeneration(request.volumeId, 1, inHours(3));
    const before = bench.issuer.requests.length;
    await bench.clock.advance(hours(3));
    assert.equal(bench.issuer.requests.length, before);
    await bench.clock.advance(10 * 60_000);
    assert.ok(bench.issuer.requests.length > before);
  });
});

describe('a deadline during a renewal by job', () => {
  /** Generation of the volume that each request was for. */
  const generations = (): number[] =>
    bench.issuer.requests.map(({ requestName }) => Number(requestName.split('-').at(-1)));

  /** Starts the job just before the deadline; it is still in progress at the deadline. */
  const jobAcrossDeadline = async (): Promise<{ readonly job: Promise<string> }> => {
    bench = await VolumeTestHarness.open({ hasController: true });
    const request = bench.request('web', { duration: '30h' });
    await bench.publish(request);
    await bench.clock.advance((20 * 60 + 10) * 60_000 - 1);
    bench.issuer.hold();
    const job = bench.manager.renewGeneration(request.volumeId, 1);
    await bench.clock.advance(0);
    assert.deepEqual(generations(), [1, 2]);
    await bench.clock.advance(10_000);
    return { job };
  };

  test('does not renew again after the job succeeded', async () => {
    const { job } = await jobAcrossDeadline();
    bench.issuer.release();
    await bench.clock.advance(0);
    // The job waited for the issuer longer than it may block the node's other jobs.
    assert.equal(await job, 'requested');
    await bench.clock.advance(19 * 3_600_000);
    assert.deepEqual(generations(), [1, 2]);
    await bench.clock.advance(2 * 3_600_000);
    assert.deepEqual(generations(), [1, 2, 3]);
  });

  test('leaves the retry to the back-off of the failed job', async () => {
    const { job } = await jobAcrossDeadline();
    bench.issuer.failure = down;
    bench.issuer.release();
    assert.equal(await job, 'requested');
    await bench.clock.advance(10_000);
    assert.deepEqual(generations(), [1, 2]);
    bench.issuer.failure = undefined;
    await bench.clock.advance(30 * 60_000);
    assert.deepEqual(generations(), [1, 2, 2]);
  });
});

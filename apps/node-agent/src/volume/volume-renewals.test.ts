import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (harness = await VolumeTestHarness.open());
afterEach(() => harness.remove());
const denied = new CertfleetError('permission-denied', 'denied by policy', { reason: 'RequestDenied' });
const down = new CertfleetError('unavailable', 'the issuer is down');

describe('renewal', () => {
  test('starts at two thirds of the lifetime, with a new key', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    const [serial, key] = [harness.serial(request), harness.store.readPayload(request.volumeId).get('tls.key')];
    await harness.clock.advance(19_999);
    assert.equal(harness.serial(request), serial);
    await harness.clock.advance(1);
    assert.notEqual(harness.serial(request), serial);
    assert.notDeepEqual(harness.store.readPayload(request.volumeId).get('tls.key'), key);
    assert.equal(harness.events.at(-1)?.reason, 'Renewed');
  });

  test('keeps the key if the volume requests it', async () => {
    await open();
    const request = harness.request('web', { 'reuse-private-key': 'true' });
    await harness.publish(request);
    const [serial, key] = [harness.serial(request), harness.store.readPayload(request.volumeId).get('tls.key')];
    await harness.clock.advance(20_000);
    assert.notEqual(harness.serial(request), serial);
    assert.deepEqual(harness.store.readPayload(request.volumeId).get('tls.key'), key);
  });

  test('after a failure keeps the old files, reports the reason everywhere, and retries with growing waits', async () => {
    await open();
    const request = harness.request('web', { duration: '720h' });
    await harness.publish(request);
    const serial = harness.serial(request);
    harness.issuer.failure = down;
    await harness.clock.advance(480 * 3_600_000);
    const tries: number[] = [];
    const startMs = harness.clock.now();
    while (tries.length < 6) {
      const before = harness.issuer.requests.length;
      await harness.clock.advance(1_000);
      if (harness.issuer.requests.length > before) tries.push((harness.clock.now() - startMs) / 1_000);
    }
    const waits = tries.map((at, index) => at - (tries[index - 1] ?? 0));
    waits.forEach((wait, index) => {
      const base = Math.min(30 * 2 ** index, 300);
      assert.ok(wait >= base && wait <= base * 1.5 + 1, `wait ${index}: ${wait} s`);
    });
    assert.equal(harness.serial(request), serial);
    const event = harness.events.at(-1);
    assert.equal(event?.reason, 'RenewalFailed');
    assert.match(event.message, /the issuer is down; the certificate stays valid until .*, next attempt at /);
    assert.match(harness.log, /"error":"the issuer is down".*"msg":"renewal failed"/);
    assert.match(await harness.metrics.registry.metrics(), /issuances_total\{result="error",cause="retry"\} 6/);
    harness.issuer.failure = undefined;
    await harness.clock.advance(450_000);
    assert.notEqual(harness.serial(request), serial);
  });

  test('waiting for approval checks every half minute, without a limit', async () => {
    await open();
    const request = harness.request('web', { duration: '720h' });
    await harness.publish(request);
    harness.issuer.failure = new CertfleetError('deadline-exceeded', 'not approved yet', { reason: 'RequestPending' });
    await harness.clock.advance(480 * 3_600_000);
    const before = harness.issuer.requests.length;
    await harness.clock.advance(20 * 30_000);
    assert.equal(harness.issuer.requests.length - before, 20);
    assert.equal(new Set(harness.issuer.requests.slice(before).map(({ requestName }) => requestName)).size, 1);
  });

  test('after a denial makes a request with a new key and deletes the denied one', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.issuer.failure = denied;
    await harness.clock.advance(20_000);
    harness.issuer.failure = undefined;
    await harness.clock.advance(5_000);
    const [, refused, again] = harness.issuer.requests;
    assert.notEqual(again?.requestName, refused?.requestName);
    assert.notEqual(again?.csrPem, refused?.csrPem);
    assert.ok(harness.issuer.discarded.includes(refused?.requestName ?? ''));
  });
});

describe('a renewal that the controller defers', () => {
  const publishWithController = async (): Promise<ReturnType<VolumeTestHarness['request']>> => {
    harness = await VolumeTestHarness.open({ hasController: true });
    const request = harness.request('web', { duration: '30h' });
    await harness.publish(request);
    return request;
  };
  const hours = (count: number): number => count * 3_600_000;
  const inHours = (count: number): Date => new Date(harness.clock.now() + hours(count));

  test('starts at the end of the deferral instead of its own deadline, also after a restart', async () => {
    const request = await publishWithController();
    const serial = harness.serial(request);
    assert.equal(await harness.manager.deferGeneration(request.volumeId, 1, inHours(24)), 'deferred');
    await harness.clock.advance(hours(22));
    await harness.restart();
    await harness.clock.advance(hours(2));
    assert.equal(harness.serial(request), serial);
    await harness.clock.advance(10 * 60_000);
    assert.notEqual(harness.serial(request), serial);
  });

  test('starts before the certificate expires, however long the deferral', async () => {
    const request = await publishWithController();
    const serial = harness.serial(request);
    assert.equal(await harness.manager.deferGeneration(request.volumeId, 1, inHours(1_000)), 'deferred');
    await harness.clock.advance(hours(29) - 1);
    assert.equal(harness.serial(request), serial);
    await harness.clock.advance(15 * 60_000 + 1);
    assert.notEqual(harness.serial(request), serial);
  });

  test('can still be started by a job, and the next one is not deferred', async () => {
    const request = await publishWithController();
    await harness.manager.deferGeneration(request.volumeId, 1, inHours(24));
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'too-soon');
    await harness.clock.advance(hours(1));
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'renewed');
    assert.equal(harness.manager.volume(request.volumeId)?.record.deferredUntil, undefined);
    assert.equal(await harness.manager.deferGeneration(request.volumeId, 1, inHours(24)), 'superseded');
    assert.equal(await harness.manager.deferGeneration('csi-nobody', 1, inHours(24)), 'not-found');
  });

  test('is not retried after a failure before the deferral ends', async () => {
    const request = await publishWithController();
    await harness.clock.advance(hours(19));
    harness.issuer.failure = down;
    await assert.rejects(harness.manager.renewGeneration(request.volumeId, 1));
    await harness.manager.deferGeneration(request.volumeId, 1, inHours(3));
    const before = harness.issuer.requests.length;
    await harness.clock.advance(hours(3));
    assert.equal(harness.issuer.requests.length, before);
    await harness.clock.advance(10 * 60_000);
    assert.ok(harness.issuer.requests.length > before);
  });
});

describe('an early renewal that failed', () => {
  test('is retried by jobs only until the deadline, so that its request can be cancelled', async () => {
    harness = await VolumeTestHarness.open({ hasController: true });
    const request = harness.request('web', { duration: '30h' });
    await harness.publish(request);
    await harness.clock.advance(2 * 3_600_000);
    harness.issuer.failure = down;
    await assert.rejects(harness.manager.renewGeneration(request.volumeId, 1, true));
    harness.issuer.failure = undefined;
    const before = harness.issuer.requests.length;
    await harness.clock.advance(17 * 3_600_000);
    assert.equal(harness.issuer.requests.length, before);
    await harness.clock.advance(2 * 3_600_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });
});

describe('a deadline during a renewal by job', () => {
  /** Generation of the volume that each request was for. */
  const generations = (): number[] =>
    harness.issuer.requests.map(({ requestName }) => Number(requestName.split('-').at(-1)));

  /** Starts the job just before the deadline; it is still in progress at the deadline. */
  const jobAcrossDeadline = async (): Promise<{ readonly job: Promise<string> }> => {
    harness = await VolumeTestHarness.open({ hasController: true });
    const request = harness.request('web', { duration: '30h' });
    await harness.publish(request);
    await harness.clock.advance((20 * 60 + 10) * 60_000 - 1);
    harness.issuer.hold();
    const job = harness.manager.renewGeneration(request.volumeId, 1);
    await harness.clock.advance(0);
    assert.deepEqual(generations(), [1, 2]);
    await harness.clock.advance(10_000);
    return { job };
  };

  test('does not renew again after the job succeeded', async () => {
    const { job } = await jobAcrossDeadline();
    harness.issuer.release();
    await harness.clock.advance(0);
    // The job waited for the issuer longer than it may block the node's other jobs.
    assert.equal(await job, 'requested');
    await harness.clock.advance(19 * 3_600_000);
    assert.deepEqual(generations(), [1, 2]);
    await harness.clock.advance(2 * 3_600_000);
    assert.deepEqual(generations(), [1, 2, 3]);
  });

  test('leaves the retry to the back-off of the failed job', async () => {
    const { job } = await jobAcrossDeadline();
    harness.issuer.failure = down;
    harness.issuer.release();
    assert.equal(await job, 'requested');
    await harness.clock.advance(10_000);
    assert.deepEqual(generations(), [1, 2]);
    harness.issuer.failure = undefined;
    await harness.clock.advance(30 * 60_000);
    assert.deepEqual(generations(), [1, 2, 2]);
  });
});

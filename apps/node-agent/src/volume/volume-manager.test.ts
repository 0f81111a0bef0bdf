import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { VolumeBench } from './testing/volume-bench.ts';
import type { BenchChanges } from './testing/volume-bench.ts';

let bench: VolumeBench;
const open = async (changes: BenchChanges = {}): Promise<VolumeBench> => (bench = await VolumeBench.open(changes));
afterEach(() => bench.remove());

const tokens = (token: string): string => JSON.stringify({ '': { token } });
const denied = new CertfleetError('permission-denied', 'denied by policy', { reason: 'RequestDenied' });
const down = new CertfleetError('unavailable', 'the issuer is down');

describe('publish', () => {
  test('of one volume, twenty at once, is one issuance', async () => {
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

  test('of a published volume at another target is refused and changes nothing', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    await assert.rejects(bench.publish({ ...request, targetPath: `${request.targetPath}-2` }), {
      code: 'already-exists',
    });
    assert.deepEqual([...bench.mounter.mounted.keys()], [request.targetPath]);
  });

  test('that was denied leaves nothing, for the kubelet may never come back', async () => {
    await open();
    bench.issuer.failure = denied;
    const request = bench.request('web');
    await assert.rejects(bench.publish(request), { code: 'permission-denied' });
    assert.equal(bench.store.has(request.volumeId), false);
    assert.deepEqual(bench.mounter.mounted.size, 0);
    assert.deepEqual(
      bench.events.map(({ reason }) => reason),
      ['RequestDenied'],
    );
  });

  test('that timed out is resumed by the next with the same request and key', async () => {
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
    assert.equal(after?.csrPem.length, before?.csrPem.length);
    assert.equal(bench.store.readRecord(request.volumeId).generation, 1);
  });

  test('gives up in time for the answer to reach a kubelet that is in a hurry', async () => {
    await open();
    bench.issuer.hold();
    const publish = bench.publish(bench.request('web'), { deadlineMs: bench.clock.now() + 10_000 });
    const refused = assert.rejects(publish, { code: 'deadline-exceeded', message: /within 8 s/ });
    await bench.clock.advance(0);
    await bench.clock.advance(8_000);
    await refused;
  });

  test('whose mount failed asks for no second certificate', async () => {
    await open();
    bench.mounter.failure = new Error('no memory for a mount');
    const request = bench.request('web');
    await assert.rejects(bench.publish(request), { code: 'unavailable', reason: 'MountFailed' });
    await bench.publish(request);
    assert.equal(bench.issuer.requests.length, 1);
  });

  test('with the caller gone ends the issuance', async () => {
    await open();
    bench.issuer.hold();
    const caller = new AbortController();
    const refused = assert.rejects(bench.publish(bench.request('web'), { signal: caller.signal }));
    await bench.clock.advance(0);
    caller.abort(new CertfleetError('cancelled', 'the caller hung up'));
    await refused;
  });

  test('of bad attributes tells the pod all of them and makes nothing', async () => {
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

  test('continuing on not ready mounts first and fills later', async () => {
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

describe('unpublish', () => {
  test('of a volume that nobody knows succeeds', async () => {
    await open();
    await bench.manager.unpublish(bench.request('never'));
  });

  test('ends a pending issuance, and its late answer writes nothing', async () => {
    await open();
    bench.issuer.hold();
    const request = bench.request('web');
    const publish = assert.rejects(bench.publish(request), { code: 'aborted' });
    await bench.clock.advance(0);
    await bench.manager.unpublish(request);
    await publish;
    bench.issuer.release();
    await bench.clock.advance(120_000);
    assert.equal(bench.store.has(request.volumeId), false);
    assert.equal(existsSync(request.targetPath), false);
    assert.equal(bench.mounter.mounted.size, 0);
    assert.equal(bench.issuer.requests.length, 1);
  });

  test('ends a pending renewal, and the volume is never renewed again', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.issuer.hold();
    await bench.clock.advance(20_000);
    assert.equal(bench.issuer.requests.length, 2);
    await bench.manager.unpublish(request);
    bench.issuer.release();
    await bench.clock.advance(300_000);
    assert.equal(bench.issuer.requests.length, 2);
    assert.equal(bench.store.has(request.volumeId), false);
  });

  test('in a storm of publishes leaves what the last one asked for', async () => {
    await open();
    const request = bench.request('web');
    const calls = Array.from({ length: 30 }, (_, index) =>
      (index % 2 === 0 ? bench.publish(request) : bench.manager.unpublish(request)).catch(() => undefined),
    );
    await Promise.all(calls);
    assert.equal(bench.store.has(request.volumeId), false);
    assert.equal(bench.mounter.mounted.size, 0);
    await bench.publish(request);
    assert.notEqual(bench.serial(request), undefined);
  });

  test('takes the mount away where it is, when asked for another target', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    await bench.manager.unpublish({ ...request, targetPath: join(bench.scratch, 'elsewhere') });
    assert.equal(bench.mounter.mounted.size, 0);
    assert.equal(bench.store.has(request.volumeId), false);
  });
});

describe('renewal', () => {
  test('comes at two thirds of the lifetime, with a new key', async () => {
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

  test('keeps the key where the volume says so', async () => {
    await open();
    const request = bench.request('web', { 'reuse-private-key': 'true' });
    await bench.publish(request);
    const [serial, key] = [bench.serial(request), bench.store.readPayload(request.volumeId).get('tls.key')];
    await bench.clock.advance(20_000);
    assert.notEqual(bench.serial(request), serial);
    assert.deepEqual(bench.store.readPayload(request.volumeId).get('tls.key'), key);
  });

  test('that fails leaves the old files, says why everywhere, and is tried again ever later', async () => {
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
    assert.match(event.message, /the issuer is down; the certificate stays valid until .*, next try at /);
    assert.match(bench.log, /"error":"the issuer is down".*"msg":"renewal failed"/);
    assert.match(await bench.metrics.registry.metrics(), /issuances_total\{result="error",cause="retry"\} 6/);
    bench.issuer.failure = undefined;
    await bench.clock.advance(450_000);
    assert.notEqual(bench.serial(request), serial);
  });

  test('after a denial asks with a new key and takes the denied request away', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.issuer.failure = denied;
    await bench.clock.advance(20_000);
    bench.issuer.failure = undefined;
    await bench.clock.advance(5_000);
    const [, refused, again] = bench.issuer.requests;
    assert.equal(again?.requestName, refused?.requestName);
    assert.notEqual(again?.csrPem, refused?.csrPem);
    assert.ok(bench.issuer.discarded.includes(refused?.requestName ?? ''));
  });
});

describe('a restart', () => {
  test('takes up a volume with its password and renews it in time', async () => {
    await open();
    const request = bench.request('web', { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter22' });
    await bench.publish(request);
    const serial = bench.serial(request);
    assert.ok(!readFileSync(join(bench.scratch, 'own', request.volumeId, 'volume.json'), 'utf8').includes('hunter22'));
    assert.equal((await bench.restart()).volumes.length, 1);
    await bench.clock.advance(0);
    assert.equal(bench.serial(request), serial);
    await bench.clock.advance(20_000);
    // The keystore's key is derived on a thread of its own; no time of the manual clock passes meanwhile.
    while (bench.serial(request) === serial) await bench.clock.advance(0);
    assert.ok(bench.store.readPayload(request.volumeId).has('keystore.p12'));
  });

  test('believes newer files beside an older record', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    const first = bench.store.readRecord(request.volumeId);
    await bench.clock.advance(20_000);
    bench.store.writeRecord(first);
    const [volume] = (await bench.restart()).volumes;
    assert.equal(volume?.record.generation, 2);
    assert.equal(volume.record.issued?.serialNumber.toUpperCase(), bench.serial(request));
    assert.equal(bench.issuer.requests.length, 2);
  });

  test('does not trust a mount that the record does not know', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.store.writeRecord({ ...bench.store.readRecord(request.volumeId), phase: 'created' });
    assert.equal((await bench.restart()).volumes[0]?.record.phase, 'created');
    await bench.publish(request);
    assert.equal(bench.store.readRecord(request.volumeId).phase, 'published');
    assert.equal(bench.issuer.requests.length, 1);
  });

  test('with nobody coming back for an unmounted volume ends in its removal', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.mounter.mounted.clear();
    await bench.restart();
    await bench.manager.discardUnpublished(request.volumeId);
    assert.equal(bench.store.has(request.volumeId), false);
    assert.equal(existsSync(request.targetPath), false);
  });
});

describe('token-request mode', () => {
  test('asks as the pod, with the newest token that a republish brought', async () => {
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

  test('without a token says what is missing', async () => {
    await open({ useTokenRequest: true });
    await assert.rejects(bench.publish(bench.request('web')), { code: 'failed-precondition', reason: 'TokenMissing' });
    await assert.rejects(bench.publish(bench.request('web', {}, 'no JSON but-secret')), (error: CertfleetError) => {
      assert.ok(!error.message.includes('but-secret'));
      return error.reason === 'TokenMissing';
    });
  });
});

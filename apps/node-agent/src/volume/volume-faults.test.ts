import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from '../storage/file-system.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';
import type { HarnessChanges } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (changes: HarnessChanges = {}): Promise<VolumeTestHarness> =>
  (harness = await VolumeTestHarness.open(changes));
afterEach(() => harness.remove());

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const systemError = (code: string): Error => Object.assign(new Error(code), { code });

/** Fails the first matching call once. */
const failOnce = (code: string, isMeant: (call: keyof FileSystem, path: string) => boolean): void => {
  let isSpent = false;
  harness.beforeFileCall = (call, path) => {
    if (isSpent || !isMeant(call, String(path))) return;
    isSpent = true;
    throw systemError(code);
  };
};

describe('a volume whose files cannot be written', () => {
  test('is not mounted before its record is written, and is scheduled afterwards', async () => {
    for (const code of ['ENOSPC', 'EIO', 'EMFILE']) {
      await open();
      const request = harness.request('web');
      let writes = 0;
      // The first write of the record creates the volume, the second one publishes it.
      failOnce(code, (call, path) => call === 'openSync' && path.endsWith('..new-volume.json') && ++writes === 2);
      await assert.rejects(harness.publish(request), (error: CertfleetError) =>
        ['unavailable', 'resource-exhausted'].includes(error.code),
      );
      assert.equal(harness.mounter.mounted.size, 0);
      await harness.publish(request);
      assert.equal(harness.issuer.requests.length, 1);
      assert.equal(harness.store.readRecord(request.volumeId).phase, 'published');
      await harness.restart();
      await harness.clock.advance(20 * minuteMs);
      assert.equal(harness.store.has(request.volumeId), true);
      assert.ok((harness.manager.volume(request.volumeId)?.record.generation ?? 0) > 1);
      if (code !== 'EMFILE') harness.remove();
    }
  });

  test('finds a certificate that was written before the error instead of requesting another', async () => {
    await open();
    const request = harness.request('web');
    failOnce('ENOSPC', (call, path) => call === 'symlinkSync' && path.startsWith('..data/'));
    await harness.publish(request);
    for (const name of ['tls.crt', 'tls.key', 'ca.crt'])
      assert.ok(existsSync(join(harness.store.dataPath(request.volumeId), name)), name);
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('is renewed according to when its files were written, not when they were found', async () => {
    await open();
    const request = harness.request('web', { duration: '600s', 'renew-before': '570s' });
    harness.mounter.failure = new Error('killed');
    await assert.rejects(harness.publish(request));
    const record = harness.store.readRecord(request.volumeId);
    harness.store.writeRecord({ ...record, generation: 0, issued: undefined });
    const data = harness.store.dataPath(request.volumeId);
    const writtenAt = new Date(harness.clock.now());
    utimesSync(join(data, readlinkSync(join(data, '..data'))), writtenAt, writtenAt);
    await harness.clock.advance(27_000);
    await harness.restart();
    const { issued } = harness.manager.volume(request.volumeId)?.record ?? {};
    assert.equal(issued?.renewAt.getTime(), writtenAt.getTime() + 30_000);
    await harness.clock.advance(3_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('keeps its schedule if the record of a renewal cannot be written', async () => {
    await open();
    const request = harness.request('web', { duration: '30h' });
    await harness.publish(request);
    harness.beforeFileCall = (call, path) => {
      if (call === 'openSync' && String(path).endsWith('..new-volume.json')) throw systemError('ENOSPC');
    };
    await harness.clock.advance(20 * hourMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
    assert.match(harness.log, /cannot write volume metadata/);
    harness.beforeFileCall = undefined;
    await harness.restart();
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
    await harness.clock.advance(20 * hourMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 3);
  });

  test('is restored later if it cannot be read at a start, and others are restored at once', async () => {
    await open();
    const [lame, sound] = [harness.request('lame'), harness.request('sound')];
    for (const request of [lame, sound]) await harness.publish(request);
    harness.beforeFileCall = (call, path) => {
      if (call === 'readFileSync' && String(path).includes('csi-lame')) throw systemError('EIO');
    };
    assert.deepEqual(
      (await harness.restart()).map(({ volumeId }) => volumeId),
      [sound.volumeId],
    );
    harness.beforeFileCall = undefined;
    await harness.clock.advance(minuteMs);
    await harness.clock.advance(20_000);
    assert.ok((harness.manager.volume(lame.volumeId)?.record.generation ?? 0) > 1);
  });
});

describe('the removal of a volume', () => {
  test('destroys the key first, and after a failure at any step is completed by the next call', async () => {
    for (const step of ['unmount', 'rmdir', 'rm']) {
      await open();
      const request = harness.request('web', { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter22' });
      await harness.publish(request);
      const key = harness.store.readPayload(request.volumeId).get('tls.key')?.toString() ?? '';
      if (step === 'unmount') harness.mounter.unmountFailure = new Error('EBUSY');
      if (step === 'rmdir') failOnce('ENOTEMPTY', (call) => call === 'rmdirSync');
      if (step === 'rm') failOnce('EIO', (call, path) => call === 'rmSync' && path.endsWith('volume.json'));
      await harness.manager.unpublish(request).catch(() => undefined);
      const left = harness.store.interruptedRemovals();
      for (const { volumeId } of left) assert.equal(volumeId, request.volumeId);
      assert.equal(harness.store.has(request.volumeId), false, step);
      const grep = (directory: string): boolean =>
        harness.filesBelow(directory).some((f) => readFileSync(f, 'utf8').includes(key));
      assert.equal(grep(join(harness.scratch, 'own')), false, step);
      await harness.clock.advance(hourMs);
      assert.equal(harness.issuer.requests.length, 1, step);
      await harness.manager.unpublish(request);
      assert.deepEqual(harness.filesBelow(join(harness.scratch, 'own')), [], step);
      assert.equal(harness.mounter.mounted.size, 0);
      if (step !== 'rm') harness.remove();
    }
  });

  test('is completed before the volume is published again', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    failOnce('EBUSY', (call) => call === 'rmdirSync');
    await assert.rejects(harness.manager.unpublish(request), { code: 'unavailable' });
    await harness.publish(request);
    assert.equal(harness.mounter.mounted.size, 1);
    await harness.clock.advance(20_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });
});

describe('a jump of the wall clock', () => {
  test('does not lengthen the wait of a failed renewal', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.failure = new CertfleetError('unavailable', 'down');
    await harness.clock.advance(16 * hourMs);
    harness.clock.stepWall(48 * hourMs);
    await harness.advance(2 * minuteMs, 1_000);
    harness.clock.stepWall(-48 * hourMs);
    harness.issuer.failure = undefined;
    await harness.advance(10 * minuteMs, 1_000);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('backwards does not delay a renewal', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.clock.stepWall(-30 * 24 * hourMs);
    await harness.clock.advance(16 * hourMs);
    assert.equal(harness.issuer.requests.length, 2);
  });

  test('forwards starts a renewal at once, and no other within the minimum interval', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.clock.stepWall(17 * hourMs);
    await harness.clock.advance(2 * minuteMs);
    // Three percent of the lifetime have not passed: the certificate was issued minutes ago.
    assert.equal(harness.issuer.requests.length, 1);
    await harness.clock.advance(30 * minuteMs);
    assert.equal(harness.issuer.requests.length, 2);
  });
});

describe('a volume whose record was lost in a reboot', () => {
  test('deletes the requests of its earlier life with the first renewal, but none whose name it uses or will use next', async () => {
    await open();
    const request = harness.request('web', { duration: '30h' });
    harness.issuer.atStart.push('earlier-7', 'earlier-8-1');
    await harness.publish(request);
    await harness.clock.advance(0);
    assert.deepEqual(harness.issuer.discarded, []);
    const name = harness.issuer.requests[0]?.requestName ?? '';
    const second = name.replace(/-1$/, '-2');
    harness.issuer.atStart.push(name, second);
    await harness.manager.renewGeneration(request.volumeId, 1, true);
    await harness.clock.advance(0);
    assert.deepEqual(harness.issuer.discarded.toSorted(), ['earlier-7', 'earlier-8-1', name]);
    assert.equal(harness.manager.volume(request.volumeId)?.record.issued?.requestName, second);
    assert.equal(harness.manager.volume(request.volumeId)?.record.obsoleteRequests, undefined);
  });
});

describe('a publish of a volume that exists', () => {
  test('fails with a code after which the kubelet unpublishes', async () => {
    await open();
    const request = harness.request('web');
    harness.mounter.failure = systemError('EIO');
    await assert.rejects(harness.publish(request), { code: 'unavailable' });
    harness.mounter.shows = () => Promise.reject(systemError('EIO'));
    await assert.rejects(harness.publish(request), { code: 'unavailable' });
  });

  test('makes a new request if the answer to the old one expired before it could be stored', async () => {
    await open();
    const request = harness.request('web', { duration: '30s' });
    failOnce('ENOSPC', (call, path) => call === 'mkdirSync' && path.includes('/data/'));
    await assert.rejects(harness.publish(request), { code: 'resource-exhausted' });
    await harness.clock.advance(minuteMs);
    await harness.publish(request);
    assert.equal(harness.issuer.requestNames().size, 2);
  });
});

describe('a certificate that is invalid only by a wrong clock of the node', () => {
  test('is requested again at the next publish after the clock is set, without the wait for a refusal', async () => {
    await open();
    const request = harness.request('web', { duration: '1h' });
    harness.issuer.signerAheadMs = -5 * 24 * hourMs;
    await assert.rejects(harness.publish(request), { reason: 'InvalidCertificate' });
    await harness.clock.advance(minuteMs);
    await assert.rejects(harness.publish(request));
    assert.equal(harness.issuer.requestNames().size, 1);
    harness.clock.stepWall(-5 * 24 * hourMs);
    harness.issuer.signerAheadMs = 0;
    await harness.publish(request);
    assert.equal(harness.issuer.requestNames().size, 2);
  });
});

describe('a wall clock that is set back and forth', () => {
  test('does not make an issuer of invalid certificates get a request per change', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    harness.issuer.signerAheadMs = -5 * 24 * hourMs;
    await harness.advance(16 * hourMs, minuteMs);
    const before = harness.issuer.requestNames().size;
    for (let minutes = 0; minutes < 12 * 60; minutes += 2) {
      harness.clock.stepWall(5 * minuteMs);
      await harness.clock.advance(minuteMs);
      harness.clock.stepWall(-5 * minuteMs);
      await harness.clock.advance(minuteMs);
    }
    const names = harness.issuer.requestNames().size - before;
    // Without changes of the clock there are 69: the waits are an eighth of the time to expiry, or since.
    assert.ok(names <= 85, `${names} requests within twelve hours`);
  });
});

describe('a certificate that is not valid yet', () => {
  test('waits while the current one is valid, and is not requested twice', async () => {
    await open();
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    const serial = harness.serial(request);
    harness.issuer.signerAheadMs = 4 * minuteMs;
    await harness.clock.advance(16 * hourMs);
    assert.equal(harness.serial(request), serial);
    assert.equal(harness.events.at(-1)?.reason, 'CertificateNotYetValid');
    assert.equal(harness.manager.volume(request.volumeId)?.failedAttempts, 0);
    await harness.clock.advance(4 * minuteMs);
    assert.notEqual(harness.serial(request), serial);
    assert.equal(harness.issuer.requestNames().size, 2);
  });

  test('defers the controller’s job for as long, without another request to the issuer', async () => {
    await open({ hasController: true });
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    assert.equal(harness.manager.deferredForMs(request.volumeId), 0);
    harness.issuer.signerAheadMs = 4 * minuteMs;
    await harness.clock.advance(16 * hourMs);
    await assert.rejects(harness.manager.renewGeneration(request.volumeId, 1), { reason: 'CertificateNotYetValid' });
    assert.equal(harness.manager.deferredForMs(request.volumeId), 4 * minuteMs);
    const { length } = harness.issuer.requests;
    assert.equal(await harness.manager.renewGeneration(request.volumeId, 1), 'deferred');
    assert.equal(harness.issuer.requests.length, length);
    await harness.clock.advance(minuteMs);
    assert.equal(harness.manager.automaticWaitMs(request.volumeId), 3 * minuteMs);
    await harness.clock.advance(3 * minuteMs);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
    assert.equal(harness.manager.deferredForMs(request.volumeId), 0);
  });

  test('is used with a warning if it is the first, or if the current one would expire', async () => {
    await open();
    harness.issuer.signerAheadMs = 12 * hourMs;
    const request = harness.request('web', { duration: '24h' });
    await harness.publish(request);
    assert.ok(harness.events.some(({ reason }) => reason === 'CertificateNotYetValid'));
    const serial = harness.serial(request);
    await harness.clock.advance(12 * hourMs);
    harness.issuer.signerAheadMs = 72 * hourMs;
    await harness.advance(24 * hourMs, 10 * minuteMs);
    assert.notEqual(harness.serial(request), serial);
  });
});

describe('a target with another mount', () => {
  test('is left unchanged, with an error that names the remedy', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(harness.request('other'));
    mkdirSync(request.targetPath, { recursive: true });
    harness.mounter.mounted.set(request.targetPath, '/old/root/csi-web/data');
    await assert.rejects(harness.publish(request), {
      code: 'unavailable',
      reason: 'MountFailed',
      message: /delete the pod/,
    });
    assert.equal(harness.mounter.mounted.get(request.targetPath), '/old/root/csi-web/data');
  });
});

describe('a stopping agent', () => {
  test('does not count as a failure of the issuer', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.issuer.hold();
    await harness.clock.advance(20_000);
    await harness.restart();
    const volume = harness.manager.volume(request.volumeId);
    assert.deepEqual([volume?.record.lastFailure, volume?.failedAttempts], [undefined, 0]);
    harness.issuer.release();
  });
});

describe('a pod name of any form', () => {
  test('results in a request name that is a DNS-1123 subdomain', async () => {
    await open();
    const name = `${'a'.repeat(199)}.${'b'.repeat(50)}`;
    await harness.publish(harness.request(name.slice(0, 20), { 'common-name': 'web' }));
    const request = harness.request('dotted', { 'common-name': 'web' });
    await harness.publish({ ...request, attributes: { ...request.attributes, 'csi.storage.k8s.io/pod.name': name } });
    const requestName = harness.issuer.requests.at(-1)?.requestName ?? '';
    assert.match(requestName, /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
    assert.ok(requestName.length <= 253);
  });
});

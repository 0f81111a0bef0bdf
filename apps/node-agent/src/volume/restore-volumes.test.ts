import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let bench: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (bench = await VolumeTestHarness.open());
afterEach(() => bench.remove());

describe('restoreVolumes', () => {
  test('restores a volume with its password and renews it in time', async () => {
    await open();
    const request = bench.request('web', { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter22' });
    await bench.publish(request);
    const serial = bench.serial(request);
    assert.ok(!readFileSync(join(bench.scratch, 'own', request.volumeId, 'volume.json'), 'utf8').includes('hunter22'));
    assert.equal((await bench.restart()).length, 1);
    await bench.clock.advance(0);
    assert.equal(bench.serial(request), serial);
    await bench.clock.advance(20_000);
    // The keystore's key is derived on another thread, during which the manual clock does not advance.
    while (bench.serial(request) === serial) await bench.clock.advance(0);
    assert.ok(bench.store.readPayload(request.volumeId).has('keystore.p12'));
  });

  test('trusts files that are newer than the record', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    const first = bench.store.readRecord(request.volumeId);
    await bench.clock.advance(20_000);
    const key = bench.store.readPayload(request.volumeId).get('tls.key')?.toString() ?? '';
    bench.store.writeSecrets(request.volumeId, { pendingKeyPem: new Secret(key) });
    const lastFailure = { at: first.createdAt, reason: 'RequestPending', message: 'not approved yet', attempts: 1 };
    bench.store.writeRecord({ ...first, lastFailure });
    const [volume] = await bench.restart();
    assert.equal(volume?.record.generation, 2);
    // The key belongs to the issued certificate, so the next request must not use it.
    assert.equal(bench.store.readSecrets(request.volumeId).pendingKeyPem, undefined);
    assert.equal(volume.record.lastFailure, undefined);
    assert.equal(volume.record.issued?.serialNumber.toUpperCase(), bench.serial(request));
    assert.equal(bench.issuer.requests.length, 2);
  });

  test('does not trust a mount that the record does not know', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.store.writeRecord({ ...bench.store.readRecord(request.volumeId), phase: 'created' });
    assert.equal((await bench.restart())[0]?.record.phase, 'created');
    await bench.publish(request);
    assert.equal(bench.store.readRecord(request.volumeId).phase, 'published');
    assert.equal(bench.issuer.requests.length, 1);
  });

  test('removes a volume that was never published if the kubelet does not request it again', async () => {
    await open();
    bench.issuer.failure = new CertfleetError('deadline-exceeded', 'not approved yet', { reason: 'RequestUnapproved' });
    const [left, claimed] = [bench.request('left'), bench.request('claimed')];
    for (const request of [left, claimed]) await assert.rejects(bench.publish(request), { code: 'deadline-exceeded' });
    await bench.restart();
    await bench.clock.advance(60_000);
    await assert.rejects(bench.publish(claimed), { code: 'deadline-exceeded' });
    await bench.clock.advance(20 * 60_000);
    assert.deepEqual(
      [left, claimed].map(({ volumeId }) => bench.store.has(volumeId)),
      [false, true],
    );
    assert.equal(new Set(bench.issuer.requests.map(({ requestName }) => requestName)).size, 2);
  });

  test('keeps and renews published volumes, also if their mount cannot be found', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.mounter.mounted.clear();
    await bench.restart();
    await bench.clock.advance(20 * 60_000);
    assert.equal(bench.store.has(request.volumeId), true);
    assert.ok((bench.manager.volume(request.volumeId)?.record.generation ?? 0) > 10);
  });

  test('renews volumes that became due while the agent was stopped', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.manager.stop();
    await bench.clock.advance(25_000);
    await bench.restart();
    await bench.clock.advance(0);
    assert.equal(bench.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('completes an interrupted removal', async () => {
    await open();
    const request = bench.request('web');
    await bench.publish(request);
    bench.store.destroy(request.volumeId);
    assert.equal((await bench.restart()).length, 0);
    await bench.clock.advance(0);
    assert.deepEqual(bench.store.interruptedRemovals(), []);
    assert.equal(bench.mounter.mounted.size, 0);
    assert.equal(existsSync(request.targetPath), false);
  });
});

describe('restoreVolumes with volumes of csi-driver', () => {
  test('takes over volumes of the csi-driver, reports one that cannot be taken over, and retries that one', async () => {
    await open();
    const root = join(bench.scratch, 'former');
    bench.adopted = { root, recordFile: 'certfleet.json', secretsFile: 'certfleet-secret.json', exclusive: false };
    const { attributes } = bench.request('web');
    for (const volumeID of ['csi-1', 'csi-2', 'csi-3']) {
      const directory = join(root, volumeID);
      mkdirSync(join(directory, 'data'), { recursive: true });
      const targetPath = join(bench.scratch, 'pods', volumeID);
      const metadata = { volumeID, targetPath, volumeContext: attributes };
      writeFileSync(join(directory, 'metadata.json'), JSON.stringify(metadata));
      bench.mounter.mounted.set(targetPath, join(directory, 'data'));
    }
    bench.beforeFileCall = (call, path) => {
      if (call !== 'openSync' || !String(path).includes('csi-2/..new-')) return;
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', errno: -28 });
    };
    const ids = (): string[] => Array.from(bench.manager.volumes(), ({ volumeId }) => volumeId);
    await bench.restart();
    assert.deepEqual(ids(), ['csi-1', 'csi-3']);
    assert.match(bench.log, /cannot be taken over: .*csi-2.*volume set aside/);
    bench.beforeFileCall = undefined;
    await bench.clock.advance(60_000);
    assert.deepEqual(ids(), ['csi-1', 'csi-3', 'csi-2']);
  });
});

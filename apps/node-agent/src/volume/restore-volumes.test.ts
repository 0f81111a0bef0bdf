import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { Secret } from '@certfleet/shared/secret.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (harness = await VolumeTestHarness.open());
afterEach(() => harness.remove());

describe('restoreVolumes', () => {
  test('restores a volume with its password and renews it in time', async () => {
    await open();
    const request = harness.request('web', { 'pkcs12-enable': 'true', 'pkcs12-password': 'hunter22' });
    await harness.publish(request);
    const serial = harness.serial(request);
    assert.ok(
      !readFileSync(join(harness.scratch, 'own', request.volumeId, 'volume.json'), 'utf8').includes('hunter22'),
    );
    assert.equal((await harness.restart()).length, 1);
    await harness.clock.advance(0);
    assert.equal(harness.serial(request), serial);
    await harness.clock.advance(20_000);
    // The keystore's key is derived on another thread, during which the manual clock does not advance.
    while (harness.serial(request) === serial) await harness.clock.advance(0);
    assert.ok(harness.store.readPayload(request.volumeId).has('keystore.p12'));
  });

  test('trusts files that are newer than the record', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    const first = harness.store.readRecord(request.volumeId);
    await harness.clock.advance(20_000);
    const key = harness.store.readPayload(request.volumeId).get('tls.key')?.toString() ?? '';
    harness.store.writeSecrets(request.volumeId, { pendingKeyPem: new Secret(key) });
    const lastFailure = { at: first.createdAt, reason: 'RequestPending', message: 'not approved yet', attempts: 1 };
    harness.store.writeRecord({ ...first, lastFailure });
    const [volume] = await harness.restart();
    assert.equal(volume?.record.generation, 2);
    // The key belongs to the issued certificate, so the next request must not use it.
    assert.equal(harness.store.readSecrets(request.volumeId).pendingKeyPem, undefined);
    assert.equal(volume.record.lastFailure, undefined);
    assert.equal(volume.record.issued?.serialNumber.toUpperCase(), harness.serial(request));
    assert.equal(harness.issuer.requests.length, 2);
  });

  test('does not trust a mount that the record does not know', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.store.writeRecord({ ...harness.store.readRecord(request.volumeId), phase: 'created' });
    assert.equal((await harness.restart())[0]?.record.phase, 'created');
    await harness.publish(request);
    assert.equal(harness.store.readRecord(request.volumeId).phase, 'published');
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('removes a volume that was never published if the kubelet does not request it again', async () => {
    await open();
    harness.issuer.failure = new CertfleetError('deadline-exceeded', 'not approved yet', {
      reason: 'RequestUnapproved',
    });
    const [left, claimed] = [harness.request('left'), harness.request('claimed')];
    for (const request of [left, claimed])
      await assert.rejects(harness.publish(request), { code: 'deadline-exceeded' });
    await harness.restart();
    await harness.clock.advance(60_000);
    await assert.rejects(harness.publish(claimed), { code: 'deadline-exceeded' });
    await harness.clock.advance(20 * 60_000);
    assert.deepEqual(
      [left, claimed].map(({ volumeId }) => harness.store.has(volumeId)),
      [false, true],
    );
    assert.equal(new Set(harness.issuer.requests.map(({ requestName }) => requestName)).size, 2);
  });

  test('keeps and renews published volumes, also if their mount cannot be found', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.mounter.mounted.clear();
    await harness.restart();
    await harness.clock.advance(20 * 60_000);
    assert.equal(harness.store.has(request.volumeId), true);
    assert.ok((harness.manager.volume(request.volumeId)?.record.generation ?? 0) > 10);
  });

  test('renews volumes that became due while the agent was stopped', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.manager.stop();
    await harness.clock.advance(25_000);
    await harness.restart();
    await harness.clock.advance(0);
    assert.equal(harness.manager.volume(request.volumeId)?.record.generation, 2);
  });

  test('completes an interrupted removal', async () => {
    await open();
    const request = harness.request('web');
    await harness.publish(request);
    harness.store.destroy(request.volumeId);
    assert.equal((await harness.restart()).length, 0);
    await harness.clock.advance(0);
    assert.deepEqual(harness.store.interruptedRemovals(), []);
    assert.equal(harness.mounter.mounted.size, 0);
    assert.equal(existsSync(request.targetPath), false);
  });
});

describe('restoreVolumes with volumes of csi-driver', () => {
  test('takes over volumes of the csi-driver, reports one that cannot be taken over, and retries that one', async () => {
    await open();
    const root = join(harness.scratch, 'former');
    harness.adopted = { root, recordFile: 'certfleet.json', secretsFile: 'certfleet-secret.json', exclusive: false };
    const { attributes } = harness.request('web');
    for (const volumeID of ['csi-1', 'csi-2', 'csi-3']) {
      const directory = join(root, volumeID);
      mkdirSync(join(directory, 'data'), { recursive: true });
      const targetPath = join(harness.scratch, 'pods', volumeID);
      const metadata = { volumeID, targetPath, volumeContext: attributes };
      writeFileSync(join(directory, 'metadata.json'), JSON.stringify(metadata));
      harness.mounter.mounted.set(targetPath, join(directory, 'data'));
    }
    harness.beforeFileCall = (call, path) => {
      if (call !== 'openSync' || !String(path).includes('csi-2/..new-')) return;
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', errno: -28 });
    };
    const ids = (): string[] => Array.from(harness.manager.volumes(), ({ volumeId }) => volumeId);
    await harness.restart();
    assert.deepEqual(ids(), ['csi-1', 'csi-3']);
    assert.match(harness.log, /cannot be taken over: .*csi-2.*volume set aside/);
    harness.beforeFileCall = undefined;
    await harness.clock.advance(60_000);
    assert.deepEqual(ids(), ['csi-1', 'csi-3', 'csi-2']);
  });
});

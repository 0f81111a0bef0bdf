import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { systemFiles } from '../storage/file-system.ts';
import { ownLayout } from '../storage/volume-layout.ts';
import { VolumeStore } from '../storage/volume-store.ts';
import { volumeParser } from './parse-volume.ts';
import { recoverVolumes } from './recover-volumes.ts';
import { VolumeReporter } from './volume-reporter.ts';
import { VolumeBench } from './testing/volume-bench.ts';

let bench: VolumeBench;
const open = async (): Promise<VolumeBench> => (bench = await VolumeBench.open());
afterEach(() => bench.remove());

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
    const key = bench.store.readPayload(request.volumeId).get('tls.key')?.toString() ?? '';
    bench.store.writeSecrets(request.volumeId, { pendingKeyPem: new Secret(key) });
    const lastFailure = { at: first.createdAt, reason: 'RequestPending', message: 'not approved yet' };
    bench.store.writeRecord({ ...first, lastFailure });
    const [volume] = (await bench.restart()).volumes;
    assert.equal(volume?.record.generation, 2);
    // Its key has got its certificate: the next request must not take it for its own.
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

test('takes over what it can of another driver’s volumes, and says which one it could not', async () => {
  await open();
  const root = join(bench.scratch, 'former');
  const adopted = { root, recordFile: 'certfleet.json', secretsFile: 'certfleet-secret.json', exclusive: false };
  const { attributes } = bench.request('web');
  for (const volumeID of ['csi-1', 'csi-2', 'csi-3']) {
    const directory = join(root, volumeID);
    mkdirSync(join(directory, 'data'), { recursive: true });
    const targetPath = join(bench.scratch, 'pods', volumeID);
    writeFileSync(
      join(directory, 'metadata.json'),
      JSON.stringify({ volumeID, targetPath, volumeContext: attributes }),
    );
    bench.mounter.mounted.set(targetPath, join(directory, 'data'));
  }
  const full: typeof systemFiles.openSync = (path, ...rest) => {
    const isFull = String(path).includes('csi-2/..new-');
    if (isFull) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC', errno: -28 });
    return systemFiles.openSync(path, ...rest);
  };
  const files = { ...systemFiles, openSync: full };
  const { clock, mounter } = bench;
  const store = VolumeStore.open({ own: ownLayout(join(bench.scratch, 'own')), adopted, clock, files });
  const reporter = new VolumeReporter(createLogger(0, { write: () => undefined }), bench.metrics, () => undefined);
  const parseVolume = volumeParser(3_600_000, reporter);
  const found = await recoverVolumes({ store, adopted, mounter, parseVolume, clock });
  assert.deepEqual(
    found.volumes.map(({ volumeId }) => volumeId),
    ['csi-1', 'csi-3'],
  );
  assert.equal(found.adoptedCount, 2);
  assert.match(found.damaged[0]?.reason ?? '', /cannot be taken over: .*csi-2/);
});

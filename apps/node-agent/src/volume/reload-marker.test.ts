import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (harness = await VolumeTestHarness.open());
afterEach(() => harness.remove());

const attributes = { 'reload-marker-file': 'reload' };
const volumeId = 'csi-web';
const markerPath = (): string => join(harness.store.dataPath(volumeId), 'reload');
const marker = (): string => readFileSync(markerPath(), 'utf8');

function certificateFingerprint(): string {
  const certificate = new X509Certificate(harness.store.readPayload(volumeId).get('tls.crt') ?? '');
  return `${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}\n`;
}

describe('the marker file of a volume', () => {
  test('is there with the first certificate and is written in place at each renewal', async () => {
    await open();
    await harness.publish(harness.request('web', attributes));
    const [first, { ino }] = [marker(), lstatSync(markerPath())];
    assert.equal(first, certificateFingerprint());
    await harness.clock.advance(20_000);
    assert.notEqual(marker(), first);
    assert.equal(marker(), certificateFingerprint());
    const after = lstatSync(markerPath());
    assert.deepEqual([after.ino, after.mode & 0o7777, after.nlink], [ino, 0o440, 1]);
  });

  test('changes only when all other files are complete', async () => {
    await open();
    await harness.publish(harness.request('web', attributes));
    const seen: string[] = [];
    harness.beforeFileCall = (call, path) => {
      if (call === 'openSync' && path === markerPath()) seen.push(certificateFingerprint());
    };
    await harness.clock.advance(20_000);
    assert.deepEqual(seen, [marker()]);
  });

  test('does not exist unless the volume asks for it, and is not touched without a renewal', async () => {
    await open();
    await harness.publish(harness.request('plain'));
    await harness.publish(harness.request('web', attributes));
    assert.throws(() => lstatSync(join(harness.store.dataPath('csi-plain'), 'reload')), { code: 'ENOENT' });
    const { mtimeMs } = lstatSync(markerPath());
    await harness.restart();
    await harness.publish(harness.request('web', attributes));
    assert.equal(lstatSync(markerPath()).mtimeMs, mtimeMs);
  });

  test('is corrected by the next start after a crash before, during or instead of its write', async () => {
    await open();
    await harness.publish(harness.request('web', attributes));
    const old = marker();
    for (const broken of [old, old.replace(/^.{20}/, 'x'.repeat(20)), '', 'x'.repeat(500)]) {
      await harness.clock.advance(20_000);
      writeFileSync(markerPath(), broken);
      await harness.restart();
      assert.equal(marker(), certificateFingerprint());
    }
  });

  test('that cannot be written delays no renewal, and the next start writes it', async () => {
    await open();
    await harness.publish(harness.request('web', attributes));
    const old = marker();
    harness.beforeFileCall = (call, path) => {
      if (call === 'openSync' && path === markerPath())
        throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    };
    await harness.clock.advance(20_000);
    assert.equal(marker(), old);
    assert.notEqual(certificateFingerprint(), old);
    assert.equal(harness.events.at(-1)?.reason, 'Renewed');
    assert.match(harness.log, /cannot write volume metadata, retrying with the next change/);
    harness.beforeFileCall = undefined;
    await harness.restart();
    assert.equal(marker(), certificateFingerprint());
  });

  test('has the owner and the mode of the files without secrets', async () => {
    await open();
    const access = { 'fs-user': '1000', 'fs-group': '2000', 'default-mode': '0444', 'privatekey-mode': '0400' };
    await harness.publish(harness.request('web', { ...attributes, ...access }));
    const first = marker();
    await harness.clock.advance(20_000);
    assert.notEqual(marker(), first);
    const { uid, gid, mode } = lstatSync(markerPath());
    assert.deepEqual([uid, gid, mode & 0o7777], [1000, 2000, 0o444]);
  });

  test('has a name of its own', async () => {
    await open();
    const clash = harness.request('web', { 'reload-marker-file': 'tls.crt' });
    await assert.rejects(harness.publish(clash), {
      message:
        'volumeAttributes.csi.cert-manager.io/reload-marker-file: Invalid value: "tls.crt": ' +
        'file names must differ, certificate-file is "tls.crt" too',
    });
  });

  test('is removed with the volume', async () => {
    await open();
    const request = harness.request('web', attributes);
    await harness.publish(request);
    await harness.manager.unpublish(request);
    assert.deepEqual(harness.filesBelow(join(harness.scratch, 'own')), []);
  });
});

import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import { testRoot } from '../crypto/testing/test-roots.ts';
import { FakeTrustApi } from '../trust/testing/fake-trust-api.ts';
import { until } from '../trust/testing/trust-fixture.ts';
import { VolumeTestHarness } from './testing/volume-test-harness.ts';

let harness: VolumeTestHarness;
const open = async (): Promise<VolumeTestHarness> => (harness = await VolumeTestHarness.open());
afterEach(() => harness.remove());

const attributes = { 'reload-marker-file': 'reload' };
const volumeId = 'csi-web';
const markerPath = (): string => join(harness.store.dataPath(volumeId), 'reload');
const marker = (): string => readFileSync(markerPath(), 'utf8');

/** The marker of the present files. */
function expected(): string {
  const files = harness.store.readPayload(volumeId);
  const certificate = new X509Certificate(files.get('tls.crt') ?? '');
  const ca = createHash('sha256').update(files.get('ca.crt') ?? '');
  return `${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}\n${ca.digest('hex')}\n`;
}

const rootsInFile = (): number =>
  harness.store.readPayload(volumeId).get('ca.crt')?.toString().match(/BEGIN/g)?.length ?? 0;

/** Opens a node with a long-lived certificate, whose volumes have the root of a CARotation in addition, or not. */
async function openRotated(): Promise<(isAdded: boolean) => Promise<void>> {
  const api = new FakeTrustApi();
  harness = await VolumeTestHarness.open({
    trust: { client: api, followsRotations: true, sourceIntervalMs: undefined },
  });
  await until(() => api.watches('carotations') > 0);
  await harness.publish(harness.request('web', { ...attributes, duration: '720h' }));
  const root = testRoot();
  const [own = ''] = harness.manager.volume(volumeId)?.record.issued?.caFingerprintsSha256 ?? [];
  const given = { certificates: [root.pem], fingerprints: [own, root.fingerprint] };
  return async (isAdded) => {
    const trust = { state: isAdded ? 'Add' : 'Remove', ...given };
    await api.put('carotations', { metadata: { name: 'r' }, status: { trust } });
    await harness.clock.advance(0);
    await until(() => rootsInFile() === (isAdded ? 2 : 1));
    // The update holds the volume's lock until it has written the marker.
    await harness.manager.change(volumeId, () => false);
  };
}

describe('the marker file of a volume', () => {
  test('is there with the first certificate and is written in place at each renewal', async () => {
    await open();
    await harness.publish(harness.request('web', attributes));
    const [first, { ino }] = [marker(), lstatSync(markerPath())];
    assert.equal(first, expected());
    await harness.clock.advance(20_000);
    assert.notEqual(marker(), first);
    assert.equal(marker(), expected());
    const after = lstatSync(markerPath());
    assert.deepEqual([after.ino, after.mode & 0o7777, after.nlink], [ino, 0o440, 1]);
  });

  test('changes only when all other files are complete', async () => {
    await open();
    await harness.publish(harness.request('web', attributes));
    const seen: string[] = [];
    harness.beforeFileCall = (call, path) => {
      if (call === 'openSync' && path === markerPath()) seen.push(expected());
    };
    await harness.clock.advance(20_000);
    assert.deepEqual(seen, [marker()]);
  });

  test('follows each change of the CA file without a renewal, in place', async () => {
    const rotate = await openRotated();
    const [first, { ino }] = [marker(), lstatSync(markerPath())];
    await rotate(true);
    const both = marker();
    assert.equal(both, expected());
    assert.notEqual(both, first);
    assert.equal(both.split('\n')[0], first.split('\n')[0], 'the certificate is the same');
    await rotate(false);
    assert.equal(marker(), first);
    assert.equal(lstatSync(markerPath()).ino, ino);
    assert.equal(harness.issuer.requests.length, 1);
  });

  test('follows a change of the CA file whose write fails after the files are published', async () => {
    const rotate = await openRotated();
    const first = marker();
    let isPublished = false;
    harness.beforeFileCall = (call, path) => {
      isPublished ||= call === 'renameSync' && String(path).includes('/data/..link-');
      if (!isPublished || call !== 'readdirSync') return;
      harness.beforeFileCall = undefined;
      throw new Error('EIO');
    };
    await rotate(true);
    assert.match(harness.log, /cannot update additional trust, retrying/);
    assert.notEqual(marker(), first);
    assert.equal(marker(), expected());
  });

  test('follows a change of the CA file before a crash with the next start', async () => {
    const rotate = await openRotated();
    const first = marker();
    harness.beforeFileCall = (call, path) => {
      if (call === 'openSync' && path === markerPath()) throw new Error('EIO');
    };
    await rotate(true);
    assert.equal(marker(), first);
    harness.beforeFileCall = undefined;
    await harness.restart();
    assert.notEqual(marker(), first);
    assert.equal(marker(), expected());
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
      assert.equal(marker(), expected());
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
    assert.notEqual(expected(), old);
    assert.equal(harness.events.at(-1)?.reason, 'Renewed');
    assert.match(harness.log, /cannot write volume metadata, retrying with the next change/);
    harness.beforeFileCall = undefined;
    await harness.restart();
    assert.equal(marker(), expected());
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

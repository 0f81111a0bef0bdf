import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { encodePem } from '@certfleet/shared/x509/pem.ts';
import type { Volume } from '../volume/volume.ts';
import { VolumeTestHarness } from '../volume/testing/volume-test-harness.ts';
import { findUpstreamLayout } from '../storage/upstream-layout.ts';
import { ownLayout } from '../storage/volume-layout.ts';
import { VolumeStore } from '../storage/volume-store.ts';
import { describeVolume } from './describe-volume.ts';

interface Published {
  readonly volume: Volume;
  /** The directory whose files the pod reads. */
  readonly files: string;
  readonly harness: VolumeTestHarness;
}

async function publish(t: TestContext): Promise<Published> {
  const harness = await VolumeTestHarness.open();
  t.after(() => harness.remove());
  const request = harness.request('web', { 'key-encoding': 'PKCS8' });
  await harness.publish(request);
  const volume = harness.manager.volume(request.volumeId);
  assert.ok(volume !== undefined);
  const data = harness.store.dataPath(request.volumeId);
  return { volume, harness, files: join(data, nodeFs.readlinkSync(join(data, '..data'))) };
}

/** The whole message that would be sent, as text. */
function sent(volume: Volume): string {
  const { chain, ca, absent } = describeVolume(volume);
  return [...[...chain, ...ca].map((der) => Buffer.from(der).toString('latin1')), absent].join('\n');
}

describe('describeVolume', () => {
  test('returns chain and CA as the pod reads them, certificate by certificate', async (t) => {
    const { volume, files } = await publish(t);
    const { chain, ca, truncated, absent } = describeVolume(volume);
    const onDisk = (name: string): string => nodeFs.readFileSync(join(files, name), 'utf8');
    assert.equal(chain.map((der) => encodePem('CERTIFICATE', der)).join(''), onDisk('tls.crt'));
    assert.equal(ca.map((der) => encodePem('CERTIFICATE', der)).join(''), onDisk('ca.crt'));
    assert.deepEqual({ truncated, absent }, { truncated: false, absent: '' });
  });

  test('opens only the certificate files, never the key, the record or the secrets', async (t) => {
    const { volume, harness } = await publish(t);
    const read: string[] = [];
    const files = {
      ...nodeFs,
      readFileSync: ((path: string, ...rest: never[]) => {
        read.push(path);
        return nodeFs.readFileSync(path, ...rest);
      }) as typeof nodeFs.readFileSync,
      openSync: (): never => assert.fail('opened a file'),
    };
    const store = VolumeStore.open({ own: ownLayout(join(harness.scratch, 'own')), clock: harness.clock, files });
    assert.equal(describeVolume({ volumeId: volume.volumeId, spec: volume.spec, store }).chain.length, 1);
    assert.deepEqual(
      read.map((path) => path.split('/').at(-1)),
      ['tls.crt', 'ca.crt'],
    );
  });

  test('returns no key that was written into the certificate files', async (t) => {
    const { volume, files } = await publish(t);
    const key = nodeFs.readFileSync(join(files, 'tls.key'), 'utf8');
    const secret = key.replaceAll(/-----[^-]+-----|\s/g, '');
    const der = Buffer.from(secret, 'base64');
    // The end of the key's DER is its public half, which is also in the certificate.
    const scalar = Buffer.from(createPrivateKey(key).export({ format: 'jwk' }).d ?? '', 'base64url');
    assert.ok(scalar.length === 32 && der.includes(scalar));
    const certificate = nodeFs.readFileSync(join(files, 'tls.crt'), 'utf8');
    const leaf = new X509Certificate(certificate).raw;
    const tampered: Readonly<Record<string, string>> = {
      'a key before the chain': key + certificate,
      'a key after it': certificate + key,
      'a key as text between blocks': `${certificate}\n${secret}\n${certificate}`,
      'a key that claims to be a certificate': certificate + encodePem('CERTIFICATE', der),
      'a key behind the end of a certificate': encodePem('CERTIFICATE', Buffer.concat([leaf, der])),
      'a key in front of one': encodePem('CERTIFICATE', Buffer.concat([der, leaf])) + certificate,
      'PEM within a block': encodePem('CERTIFICATE', Buffer.from(key + certificate)) + certificate,
      'a block that does not end': certificate + key.replace('-----END', '-----ENDE'),
      'only a key': key,
    };
    for (const [what, text] of Object.entries(tampered)) {
      for (const name of ['tls.crt', 'ca.crt']) {
        const before = nodeFs.readFileSync(join(files, name));
        nodeFs.writeFileSync(join(files, name), text);
        const answer = sent(volume);
        assert.ok(!answer.includes('PRIVATE KEY-----'), `${what} in ${name}`);
        assert.ok(!answer.includes(secret.slice(0, 40)), `${what} in ${name}, as base64`);
        assert.ok(!answer.includes(scalar.toString('latin1')), `${what} in ${name}, as DER`);
        for (const one of describeVolume(volume).chain) assert.ok(leaf.equals(one), `${what} in ${name}`);
        nodeFs.writeFileSync(join(files, name), before);
      }
    }
  });

  test('reports what is missing: the volume, its certificate, a file of acceptable size', async (t) => {
    assert.equal(describeVolume(undefined).absent, 'the node has no such volume');
    const { volume, files } = await publish(t);
    nodeFs.writeFileSync(join(files, 'tls.crt'), '');
    assert.equal(describeVolume(volume).absent, 'the volume has no certificate yet');
    nodeFs.truncateSync(join(files, 'tls.crt'), 3 * 1024 * 1024);
    assert.match(
      describeVolume(volume).absent,
      /^its files cannot be read: expected tls\.crt of at most 2097152 bytes/,
    );
    nodeFs.rmSync(join(files, 'tls.crt'));
    nodeFs.symlinkSync('tls.key', join(files, 'tls.crt'));
    assert.equal(describeVolume(volume).absent, 'the volume has no certificate yet');
    volume.store.remove(volume.volumeId);
    assert.match(describeVolume(volume).absent, /does not exist$/);
  });

  test('truncates a file with too many certificates, and reports it', async (t) => {
    const { volume, files } = await publish(t);
    const one = nodeFs.readFileSync(join(files, 'ca.crt'), 'utf8');
    nodeFs.writeFileSync(join(files, 'ca.crt'), one.repeat(600));
    const { ca, truncated } = describeVolume(volume);
    assert.deepEqual({ count: ca.length, truncated }, { count: 512, truncated: true });
  });

  test('describes an adopted volume in its directory', async (t) => {
    const { volume, harness } = await publish(t);
    const upstream = join(harness.scratch, 'upstream');
    const directory = join(upstream, 'inmemfs', volume.volumeId);
    nodeFs.cpSync(join(harness.scratch, 'own', volume.volumeId), directory, {
      recursive: true,
      verbatimSymlinks: true,
    });
    nodeFs.mkdirSync(join(harness.scratch, 'empty'));
    const own = ownLayout(join(harness.scratch, 'empty'));
    const store = VolumeStore.open({ own, adopted: findUpstreamLayout(upstream, own.root), clock: harness.clock });
    assert.match(describeVolume({ volumeId: volume.volumeId, spec: volume.spec, store }).absent, /does not exist$/);
    store.adopt(volume.record, volume.secrets);
    assert.deepEqual(describeVolume({ volumeId: volume.volumeId, spec: volume.spec, store }), describeVolume(volume));
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, randomUUID, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { Secret } from '@certfleet/shared/secret.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { createCertificateSigningRequest } from '../crypto/certificate-signing-request.ts';
import { generatePrivateKey } from '../crypto/private-key.ts';
import { KeystoreTools, keytoolMissing } from '../crypto/testing/keystore-tools.ts';
import { openLocalCa } from '../local-ca/local-ca.ts';
import { LocalCaIssuer } from '../local-ca/local-ca-issuer.ts';
import { parseVolumeSpec } from '../spec/parse-volume-spec.ts';
import type { StoreFormat, VolumeSpec } from '../spec/volume-spec.ts';
import { payloadAccess } from './payload-access.ts';
import { volumePayload } from './volume-payload.ts';

const directory = mkdtempSync(join(tmpdir(), 'certfleet-payload-'));
after(() => rmSync(directory, { recursive: true }));
const issuer = new LocalCaIssuer(await openLocalCa(join(directory, 'ca'), new Date()), systemClock);
const noAbort = new AbortController().signal;
const noPassword = (): Secret => assert.fail('asked for a password');

function specOf(ours: Record<string, string>): VolumeSpec {
  const named = Object.entries({ 'issuer-name': 'ca', 'dns-names': 'web', 'key-algorithm': 'ECDSA', ...ours });
  const context = {
    'csi.storage.k8s.io/pod.name': 'web',
    'csi.storage.k8s.io/pod.namespace': 'shop',
    'csi.storage.k8s.io/pod.uid': 'uid-1',
    'csi.storage.k8s.io/serviceAccount.name': 'web',
    ...Object.fromEntries(named.map(([name, value]) => [`csi.cert-manager.io/${name}`, value])),
  };
  return parseVolumeSpec(context, { defaultDurationMs: 3_600_000, volumeMountGroup: '' });
}

/** The files of a volume with these certfleet attributes. */
async function payloadOf(
  ours: Record<string, string>,
  password: (format: StoreFormat) => Secret = noPassword,
): Promise<ReadonlyMap<string, Buffer>> {
  const spec = specOf(ours);
  const key = await generatePrivateKey(spec.key);
  const csrPem = createCertificateSigningRequest({ ...spec, key });
  const request = { requestName: randomUUID(), volumeId: 'v', spec, csrPem, serviceAccountToken: undefined };
  const issued = { key, certificate: await issuer.issue(request, noAbort) };
  return volumePayload(spec, issued, { passwordOf: password, now: new Date() });
}

const textOf = (payload: ReadonlyMap<string, Buffer>, name: string): string => payload.get(name)?.toString() ?? '';

describe('payloadAccess', () => {
  test('applies the mode of private files to each file with a key or a password', async () => {
    const attributes = {
      ...{ 'combined-pem-file': 'all.pem', 'default-mode': '0444', 'privatekey-mode': '0400', 'fs-user': '70' },
      ...{ 'pkcs12-enable': 'true', 'pkcs12-truststore-enable': 'true', 'pkcs12-password-file': 'p12.pass' },
      ...{ 'jks-enable': 'true', 'jks-truststore-enable': 'true', 'jks-password-file': 'jks.pass' },
    };
    const payload = await payloadOf(attributes, () => new Secret('changeit'));
    const { uid, modeOf } = payloadAccess(specOf(attributes));
    assert.equal(uid, 70);
    const isPublic = [...payload.keys()].filter((name) => modeOf?.(name) === 0o444);
    assert.deepEqual(isPublic.sort(), ['ca.crt', 'tls.crt', 'truststore.jks', 'truststore.p12']);
    assert.ok([...payload.keys()].every((name) => isPublic.includes(name) || modeOf?.(name) === 0o400));
  });
});

describe('volumePayload', () => {
  test('contains certificate, key and CA, and nothing that was not requested', async () => {
    const payload = await payloadOf({});
    assert.deepEqual([...payload.keys()].sort(), ['ca.crt', 'tls.crt', 'tls.key']);
  });

  test('writes the key, as in its own file, before the chain into the combined file', async () => {
    const encodings = [
      { 'key-algorithm': 'RSA' },
      { 'key-algorithm': 'RSA', 'key-encoding': 'PKCS8' },
      { 'key-algorithm': 'Ed25519' },
    ];
    for (const encoding of encodings) {
      const payload = await payloadOf({ ...encoding, 'combined-pem-file': 'all.pem' });
      const combined = textOf(payload, 'all.pem');
      assert.equal(combined, textOf(payload, 'tls.key') + textOf(payload, 'tls.crt'));
      // Readers use the first key and the first certificate that they find.
      assert.ok(new X509Certificate(combined).checkPrivateKey(createPrivateKey(combined)));
      assert.match(
        combined,
        /^-----BEGIN [A-Z ]+KEY-----\n[^]+\n-----END [A-Z ]+KEY-----\n-----BEGIN CERTIFICATE-----\n/,
      );
    }
  });

  test('contains the generated password, with which openssl opens the keystore', async () => {
    const payload = await payloadOf(
      { 'pkcs12-enable': 'true', 'pkcs12-password-file': 'keystore.pass' },
      () => new Secret('0123456789abcdef'),
    );
    assert.deepEqual([...payload.keys()].sort(), ['ca.crt', 'keystore.p12', 'keystore.pass', 'tls.crt', 'tls.key']);
    assert.equal(textOf(payload, 'keystore.pass'), '0123456789abcdef');
    for (const [name, content] of payload) writeFileSync(join(directory, name), content);
    const files = ['-in', join(directory, 'keystore.p12'), '-passin', `file:${join(directory, 'keystore.pass')}`];
    const leaf = execFileSync('openssl', ['pkcs12', '-nokeys', '-clcerts', ...files], { encoding: 'utf8' });
    assert.ok(new X509Certificate(leaf).checkPrivateKey(createPrivateKey(textOf(payload, 'tls.key'))));
  });

  test('does not contain a password that the user chose', async () => {
    const payload = await payloadOf(
      { 'pkcs12-enable': 'true', 'pkcs12-password': 'changeit' },
      () => new Secret('changeit'),
    );
    assert.deepEqual([...payload.keys()].sort(), ['ca.crt', 'keystore.p12', 'tls.crt', 'tls.key']);
  });

  test('contains the stores of both formats, each with its password', { skip: keytoolMissing }, async () => {
    const both = {
      ...{ 'pkcs12-enable': 'true', 'pkcs12-truststore-enable': 'true', 'pkcs12-password-file': 'p12.pass' },
      ...{ 'jks-enable': 'true', 'jks-truststore-enable': 'true', 'jks-password-file': 'jks.pass' },
    };
    const payload = await payloadOf(both, (format) => new Secret(`password of ${format}`));
    assert.deepEqual([...payload.keys()].sort(), [
      'ca.crt',
      'jks.pass',
      'keystore.jks',
      'keystore.p12',
      'p12.pass',
      'tls.crt',
      'tls.key',
      'truststore.jks',
      'truststore.p12',
    ]);
    const fingerprint = new X509Certificate(textOf(payload, 'ca.crt')).fingerprint256;
    for (const [type, extension] of [
      ['PKCS12', 'p12'],
      ['JKS', 'jks'],
    ] as const) {
      const tools = new KeystoreTools(textOf(payload, `${extension}.pass`));
      const list = (name: string): string => tools.keytool(payload.get(name) ?? Buffer.alloc(0), type).output;
      assert.match(list(`keystore.${extension}`), /PrivateKeyEntry/);
      assert.match(list(`truststore.${extension}`), /contains 1 entry/);
      assert.ok(list(`truststore.${extension}`).includes(fingerprint));
      tools.remove();
    }
  });

  test('contains truststores without a keystore', async () => {
    const truststores = { 'pkcs12-truststore-enable': 'true', 'pkcs12-password': 'changeit' };
    const payload = await payloadOf(truststores, () => new Secret('changeit'));
    assert.deepEqual([...payload.keys()].sort(), ['ca.crt', 'tls.crt', 'tls.key', 'truststore.p12']);
  });
});

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
import { openLocalCa } from '../local-ca/local-ca.ts';
import { LocalCaIssuer } from '../local-ca/local-ca-issuer.ts';
import { parseVolumeSpec } from '../spec/parse-volume-spec.ts';
import { volumePayload } from './volume-payload.ts';

const directory = mkdtempSync(join(tmpdir(), 'certfleet-payload-'));
after(() => rmSync(directory, { recursive: true }));
const issuer = new LocalCaIssuer(await openLocalCa(join(directory, 'ca'), new Date()), systemClock);
const noAbort = new AbortController().signal;
const noPassword = (): Secret => assert.fail('asked for a password');

/** The files of a volume with these certfleet attributes. */
async function payloadOf(ours: Record<string, string>, password = noPassword): Promise<ReadonlyMap<string, Buffer>> {
  const named = Object.entries({ 'issuer-name': 'ca', 'dns-names': 'web', 'key-algorithm': 'ECDSA', ...ours });
  const context = {
    'csi.storage.k8s.io/pod.name': 'web',
    'csi.storage.k8s.io/pod.namespace': 'shop',
    'csi.storage.k8s.io/pod.uid': 'uid-1',
    'csi.storage.k8s.io/serviceAccount.name': 'web',
    ...Object.fromEntries(named.map(([name, value]) => [`csi.cert-manager.io/${name}`, value])),
  };
  const spec = parseVolumeSpec(context, { defaultDurationMs: 3_600_000, volumeMountGroup: '' });
  const key = await generatePrivateKey(spec.key);
  const csrPem = createCertificateSigningRequest({ ...spec, key });
  const request = { requestName: randomUUID(), volumeId: 'v', spec, csrPem, serviceAccountToken: undefined };
  return volumePayload(spec, { key, certificate: await issuer.issue(request, noAbort) }, password);
}

const textOf = (payload: ReadonlyMap<string, Buffer>, name: string): string => payload.get(name)?.toString() ?? '';

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
});

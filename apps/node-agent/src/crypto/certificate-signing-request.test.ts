import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { parseVolumeSpec } from '../spec/parse-volume-spec.ts';
import type { DistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import type { KeyUsage } from '@certfleet/shared/x509/key-usages.ts';
import { createCertificateSigningRequest } from './certificate-signing-request.ts';
import type { CertificateSigningRequest } from './certificate-signing-request.ts';
import { generatePrivateKey } from './private-key.ts';
import type { KeyKind } from './private-key.ts';
import { readCertificateSigningRequest } from '@certfleet/shared/x509/read-certificate-signing-request.ts';

const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
const commonName = (value: string): DistinguishedName => [[{ oid: '2.5.4.3', value }]];
const plain: CertificateSigningRequest = {
  subject: commonName('web'),
  dnsNames: ['web.example', '*.web.example'],
  uris: ['spiffe://example.org/ns/a/sa/b'],
  ipAddresses: ['10.0.0.1', '2001:db8::1'],
  keyUsages: ['digital signature', 'key encipherment'],
  isCa: false,
  key,
};

/** openssl's text of the request, after it has verified the signature. */
function opensslText(request: Partial<CertificateSigningRequest>): string {
  const input = createCertificateSigningRequest({ ...plain, ...request });
  // In some versions `req -verify` reports a failure only on standard error and exits with 0.
  const command = ['req', '-verify', '-noout', '-text', '-nameopt', 'RFC2253'];
  return execFileSync('sh', ['-c', 'exec openssl "$@" 2>&1', 'sh', ...command], { input, encoding: 'utf8' });
}

const expectedSignatures: readonly (readonly [KeyKind, string])[] = [
  [{ algorithm: 'RSA', size: 2048 }, 'sha256WithRSAEncryption'],
  [{ algorithm: 'RSA', size: 3072 }, 'sha384WithRSAEncryption'],
  [{ algorithm: 'RSA', size: 4096 }, 'sha512WithRSAEncryption'],
  [{ algorithm: 'ECDSA', size: 256 }, 'ecdsa-with-SHA256'],
  [{ algorithm: 'ECDSA', size: 384 }, 'ecdsa-with-SHA384'],
  [{ algorithm: 'ECDSA', size: 521 }, 'ecdsa-with-SHA512'],
  [{ algorithm: 'Ed25519', size: 256 }, 'ED25519'],
];

describe('createCertificateSigningRequest', () => {
  for (const [kind, algorithm] of expectedSignatures) {
    test(`signs with ${algorithm} for a ${kind.algorithm} ${kind.size} key, and openssl verifies it`, async () => {
      const text = opensslText({ key: await generatePrivateKey(kind) });
      assert.match(text, /self-signature verify OK/);
      assert.match(text, new RegExp(`Signature Algorithm: ${algorithm}\\n`));
    });
  }

  test('requests every name, and the usages as critical', () => {
    const text = opensslText({});
    assert.match(text, /Subject: CN=web\n/);
    assert.match(
      text,
      /Subject Alternative Name: \n\s+DNS:web.example, DNS:\*.web.example, IP Address:10.0.0.1, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe:\/\/example.org\/ns\/a\/sa\/b\n/,
    );
    assert.match(text, /X509v3 Key Usage: critical\n\s+Digital Signature, Key Encipherment\n/);
    assert.doesNotMatch(text, /Basic Constraints|Extended Key Usage/);
  });

  test('makes the alternative names critical if the subject is empty', () => {
    const text = opensslText({ subject: [] });
    assert.match(text, /Subject: ?\n/);
    assert.match(text, /Subject Alternative Name: critical\n/);
  });

  test('has no alternative names if there are none', () => {
    assert.doesNotMatch(opensslText({ dnsNames: [], uris: [], ipAddresses: [] }), /Alternative Name/);
  });

  test('requests a CA with basic constraints and the cert sign usage that the webhook adds', () => {
    const text = opensslText({ isCa: true });
    assert.match(text, /X509v3 Basic Constraints: critical\n\s+CA:TRUE\n/);
    assert.match(text, /X509v3 Key Usage: critical\n\s+Digital Signature, Key Encipherment, Certificate Sign\n/);
  });

  test('requests the API’s default usages if there are none', () => {
    assert.match(opensslText({ keyUsages: [] }), /Key Usage: critical\n\s+Digital Signature, Key Encipherment\n/);
  });

  test('requests only extended usages if there are only those', () => {
    const text = opensslText({ keyUsages: ['server auth'] });
    assert.match(text, /X509v3 Extended Key Usage: \n\s+TLS Web Server Authentication\n/);
    assert.doesNotMatch(text, /X509v3 Key Usage/);
  });

  test('keeps the order and repetitions of extended usages, which the webhook compares one by one', () => {
    const keyUsages: KeyUsage[] = ['s/mime', 'client auth', 'email protection', 'server auth', 'any', 'netscape sgc'];
    const request = new x509.Pkcs10CertificateRequest(createCertificateSigningRequest({ ...plain, keyUsages }));
    const found = request.extensions.find((each) => each instanceof x509.ExtendedKeyUsageExtension);
    assert.deepEqual(Array.from<unknown>(found?.usages ?? []), [
      '1.3.6.1.5.5.7.3.4',
      '1.3.6.1.5.5.7.3.2',
      '1.3.6.1.5.5.7.3.4',
      '1.3.6.1.5.5.7.3.1',
      '2.5.29.37.0',
      '2.16.840.1.113730.4.1',
    ]);
  });

  test('encodes the ninth key usage bit in a second octet', () => {
    assert.match(opensslText({ keyUsages: ['key agreement', 'decipher only'] }), /Key Agreement, Decipher Only\n/);
  });

  test('uses the narrowest string type that can contain a value', () => {
    const subject: DistinguishedName = [
      [{ oid: '0.9.2342.19200300.100.1.25', value: 'example' }],
      [{ oid: '2.5.4.6', value: 'DE' }],
      [{ oid: '2.5.4.10', value: 'Bäckerei' }],
      [{ oid: '2.5.4.3', value: '*.a' }],
      [{ oid: '1.2.840.113549.1.9.1', value: 'a@b' }],
    ];
    const input = createCertificateSigningRequest({ ...plain, subject });
    const dump = execFileSync('openssl', ['asn1parse'], { input, encoding: 'utf8' });
    const types = [...dump.matchAll(/prim:\s+(PRINTABLESTRING|UTF8STRING|IA5STRING)/g)].map(([, type]) => type);
    assert.deepEqual(types, ['IA5STRING', 'PRINTABLESTRING', 'UTF8STRING', 'UTF8STRING', 'IA5STRING']);
  });

  test('encodes a relative name of several attributes as one set', () => {
    const subject = [[...commonName('b').flat(), { oid: '2.5.4.11', value: 'a' }]];
    assert.match(opensslText({ subject }), /Subject: (CN=b\+OU=a|OU=a\+CN=b)\n/);
  });

  test('encodes an IPv4-mapped IPv6 address as four octets', () => {
    assert.match(
      opensslText({ ipAddresses: ['::ffff:192.0.2.1', '64:ff9b::192.0.2.1'] }),
      /IP Address:192.0.2.1, IP Address:64:FF9B:0:0:0:0:C000:201/,
    );
  });

  for (const [why, names] of [
    ['a DNS name that is not ASCII', { dnsNames: ['bäcker.example'] }],
    ['an empty URI', { uris: [''] }],
    ['an address with a zone', { ipAddresses: ['fe80::1%eth0'] }],
    ['an invalid address', { ipAddresses: ['10.0.0'] }],
    ['an attribute type that is not an identifier', { subject: [[{ oid: 'CN', value: 'a' }]] }],
  ] as const) {
    test(`rejects ${why}`, () => {
      assert.throws(() => createCertificateSigningRequest({ ...plain, ...names }), { code: 'invalid-argument' });
    });
  }

  test('contains what an independent reader finds, for any names', async () => {
    const oid = fc.constantFrom('2.5.4.3', '2.5.4.10', '2.5.4.11', '2.5.4.8', '2.5.4.5', '1.3.6.1.4.1.99999.1');
    const value = fc.oneof(fc.string({ minLength: 1 }), fc.string({ minLength: 1, unit: 'grapheme' }));
    const names = fc.record({
      subject: fc.array(fc.array(fc.record({ oid, value }), { minLength: 1, maxLength: 1 }), { maxLength: 5 }),
      dnsNames: fc.array(fc.domain(), { maxLength: 4 }),
      uris: fc.array(
        fc.webUrl({ validSchemes: ['spiffe', 'https'] }).filter((uri) => /^[\x21-\x7e]+$/.test(uri)),
        { maxLength: 3 },
      ),
      ipAddresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(names, async (wanted) => {
        const pem = createCertificateSigningRequest({ ...plain, ...wanted });
        const request = new x509.Pkcs10CertificateRequest(pem);
        assert.ok(await request.verify());
        const subject = request.subjectName.toJSON().map((relative) => Object.values(relative).flat().length);
        assert.deepEqual(
          subject,
          wanted.subject.map(() => 1),
        );
        const found =
          request.extensions.find((each) => each instanceof x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
        const ofType = (type: string): string[] => found.filter((name) => name.type === type).map((name) => name.value);
        assert.deepEqual(ofType('dns'), wanted.dnsNames);
        assert.deepEqual(ofType('url'), wanted.uris);
        assert.equal(ofType('ip').length, wanted.ipAddresses.length);
        assert.ok(readCertificateSigningRequest(pem).publicKey.length > 0);
      }),
      { numRuns: 60 },
    );
  });

  test('reads its own requests back, and rejects one with a wrong signature', () => {
    const pem = createCertificateSigningRequest(plain);
    assert.ok(readCertificateSigningRequest(pem).subjectAltName);
    const der = Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64');
    const position = der.indexOf('web.example');
    der.write('wEb', position);
    const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    assert.throws(() => readCertificateSigningRequest(forged), /expected a signature by the key in it/);
  });

  test('can be created for everything that an adopted volume may request', () => {
    const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const odd: Record<string, string>[] = [
      { 'common-name': 'web\n' },
      { 'uri-sans': '/x' },
      { 'dns-names': 'a b' },
      { organizations: 'a "b",,c' },
      { 'common-name': '${HOSTNAME}' },
    ];
    for (const attributes of odd) {
      const own = Object.entries({ 'issuer-name': 'ca', ...attributes });
      const raw = {
        'csi.storage.k8s.io/pod.name': 'web',
        'csi.storage.k8s.io/pod.namespace': 'shop',
        'csi.storage.k8s.io/pod.uid': 'uid-1',
        'csi.storage.k8s.io/serviceAccount.name': 'web',
        ...Object.fromEntries(own.map(([name, value]) => [`csi.cert-manager.io/${name}`, value])),
      };
      const spec = parseVolumeSpec(raw, {
        nodeName: 'node-1',
        defaultDurationMs: 1,
        volumeMountGroup: '',
        lenient: true,
      });
      assert.doesNotThrow(() => readCertificateSigningRequest(createCertificateSigningRequest({ ...spec, key })));
    }
  });
});

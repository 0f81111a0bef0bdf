import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { signCertificate } from '@certfleet/shared/x509/certificate-builder.ts';
import { verifyIssuedChain } from './certificate-chain.ts';
import { encodeDistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';
import { encodePem } from '@certfleet/shared/x509/pem.ts';
import { encodePrivateKey, generatePrivateKey } from './private-key.ts';
import { basicConstraintsExtension, subjectAltNameExtension } from '@certfleet/shared/x509/x509-extensions.ts';

const now = new Date('2026-06-01T12:00:00Z');
const minuteMs = 60_000;
const at = (minutes: number): Date => new Date(now.getTime() + minutes * minuteMs);
const newKey = (): Promise<KeyObject> => generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
const [key, otherKey, intermediateKey, rootKey] = await Promise.all([newKey(), newKey(), newKey(), newKey()]);
const name = (commonName: string): Buffer => encodeDistinguishedName([[{ oid: '2.5.4.3', value: commonName }]]);

interface Fields {
  readonly subject?: Buffer;
  readonly issuer?: Buffer;
  readonly key?: KeyObject;
  readonly issuerKey?: KeyObject;
  readonly validity?: readonly [Date, Date];
  readonly extensions?: readonly Buffer[];
}

function certificate(fields: Fields = {}): string {
  const [notBefore, notAfter] = fields.validity ?? [at(-10), at(60)];
  const template = {
    serialNumber: 0xab12n,
    subject: fields.subject ?? name('leaf'),
    issuer: fields.issuer ?? name('intermediate'),
    notBefore,
    notAfter,
    publicKey: createPublicKey(fields.key ?? key).export({ type: 'spki', format: 'der' }),
    extensions: fields.extensions ?? [basicConstraintsExtension(false)],
  };
  return signCertificate(template, fields.issuerKey ?? intermediateKey);
}

const leaf = certificate();
const ca = [basicConstraintsExtension(true)];
const root = certificate({
  subject: name('root'),
  issuer: name('root'),
  key: rootKey,
  issuerKey: rootKey,
  extensions: ca,
});
const intermediate = certificate({
  subject: name('intermediate'),
  issuer: name('root'),
  key: intermediateKey,
  issuerKey: rootKey,
  extensions: ca,
});

const verify = (certificatePem: string, caPem = ''): ReturnType<typeof verifyIssuedChain> =>
  verifyIssuedChain({ certificatePem, caPem }, { key, now });

function assertRefused(message: RegExp, certificatePem: string, caPem = ''): void {
  assert.throws(
    () => verify(certificatePem, caPem),
    (error) => {
      assert.ok(error instanceof CertfleetError);
      assert.match(error.message, message);
      assert.deepEqual(
        [error.code, error.reason, error.retryable],
        ['failed-precondition', 'InvalidCertificate', true],
      );
      return true;
    },
  );
}

describe('verifyIssuedChain', () => {
  test('returns chain and CA verbatim, with their fields', () => {
    const names = { dnsNames: ['a.example', 'b.example'], uris: ['spiffe://x/y,z'], ipAddresses: ['10.0.0.1'] };
    const subject = encodeDistinguishedName([[{ oid: '2.5.4.10', value: 'Acme' }], [{ oid: '2.5.4.3', value: 'a' }]]);
    const chain = `subject=a\n${certificate({ subject, extensions: subjectAltNameExtension(names, false) })}${intermediate}`;
    const issued = verify(chain, root);
    assert.equal(issued.certificatePem, chain);
    assert.equal(issued.caPem, root);
    assert.deepEqual([issued.notBefore, issued.notAfter], [at(-10), at(60)]);
    assert.equal(issued.serialNumber, 'ab12');
    assert.equal(issued.subject, 'CN=a,O=Acme');
    assert.equal(issued.issuer, 'CN=intermediate');
    assert.deepEqual(issued.dnsNames, names.dnsNames);
    assert.deepEqual(issued.uris, names.uris);
    assert.deepEqual(issued.ipAddresses, names.ipAddresses);
    assert.match(issued.fingerprintSha256, /^[0-9a-f]{64}$/);
    assert.match(issued.caFingerprintsSha256.join(), /^[0-9a-f]{64}$/);
    assert.deepEqual(issued.warnings, []);
  });

  test('distinguishes CAs, however many came before', () => {
    const roots = Array.from({ length: 20 }, (_, index) =>
      certificate({ subject: name(`root ${index}`), issuer: name(`root ${index}`), key: rootKey, extensions: ca }),
    );
    const fingerprints = [...roots, ...roots].map((pem) => verify(leaf, pem).caFingerprintsSha256.join());
    const expected = roots.map((pem) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase());
    assert.deepEqual(fingerprints, [...expected, ...expected]);
  });

  test('accepts a response without a CA', () => {
    assert.equal(verify(leaf, '\n').caPem, '');
    assert.deepEqual(verify(leaf).caFingerprintsSha256, []);
  });

  test('accepts a CA of several certificates', () => {
    assert.equal(verify(leaf, root + intermediate).caFingerprintsSha256.length, 2);
  });

  test('tolerates a chain in the wrong order above the leaf, with a warning', () => {
    assert.deepEqual(verify(leaf + root + intermediate).warnings, [
      'certificate 2 of the chain did not sign the one before it',
      'certificate 3 of the chain did not sign the one before it',
    ]);
  });

  test('tolerates an issuer with the right name and the wrong key, with a warning', () => {
    const impostor = certificate({ subject: name('intermediate'), key: otherKey, issuerKey: rootKey, extensions: ca });
    assert.equal(verify(leaf + impostor).warnings.length, 1);
  });

  test('tolerates an expired certificate above the leaf, with a warning', () => {
    const fields = { subject: name('intermediate'), key: intermediateKey, issuerKey: rootKey, extensions: ca };
    const expired = certificate({ ...fields, validity: [at(-20), at(-10)] });
    assert.deepEqual(verify(leaf + expired).warnings, [
      `certificate 2 of the chain expired at ${at(-10).toISOString()}`,
    ]);
  });

  test('accepts a certificate that is not valid yet, which the volume decides about', () => {
    assert.equal(verify(certificate({ validity: [at(50), at(60)] })).notBefore.getTime(), at(50).getTime());
  });

  test('rejects a leaf that has expired, to the second', () => {
    assertRefused(/expired at 2026-06-01T12:00:00/, certificate({ validity: [at(-60), now] }));
    assert.ok(verify(certificate({ validity: [at(-60), new Date(now.getTime() + 1000)] })));
  });

  test('rejects a leaf for another key, even if the right one is second', () => {
    assertRefused(/found one for another key/, certificate({ key: otherKey }));
    assertRefused(/found one for another key/, intermediate + leaf);
  });

  test('rejects a leaf for a key of another kind', async () => {
    const rsa = await generatePrivateKey({ algorithm: 'RSA', size: 2048 });
    assertRefused(/found one for another key/, certificate({ key: rsa }));
  });

  for (const [why, message, chain, caPem] of [
    ['an empty answer', /at least one certificate/, '', ''],
    ['text that is not PEM', /at least one certificate/, 'hello', ''],
    ['a CA that is not PEM', /expected the ca as PEM/, leaf, 'hello'],
    ['a truncated chain', /chain is malformed/, leaf.slice(0, -20), ''],
    ['a private key in the chain', /found PRIVATE KEY/, leaf + encodePrivateKey(otherKey, 'PKCS8').toString(), ''],
    [
      'a private key in the CA',
      /block 1 of the ca, found PRIVATE KEY/,
      leaf,
      encodePrivateKey(otherKey, 'PKCS8').toString(),
    ],
    [
      'a block that is not a certificate',
      /block 2 .* not an X.509/,
      leaf + encodePem('CERTIFICATE', Buffer.of(1, 2)),
      '',
    ],
    ['an oversized chain', /at most 131072 characters/, leaf + ' '.repeat(131072), ''],
    ['too long a chain', /at most 32 certificates/, leaf.repeat(33), ''],
    ['an oversized CA', /at most 1048576 characters/, leaf, ' '.repeat(1048577)],
  ] as const) {
    test(`rejects ${why}`, () => assertRefused(message, chain, caPem));
  }

  test('rejects any damaged response with the same error, or finds the same leaf in it', () => {
    const chain = leaf + intermediate;
    fc.assert(
      fc.property(fc.nat(chain.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (position, patch) => {
        const damaged = chain.slice(0, position) + patch + chain.slice(position + patch.length);
        try {
          verify(damaged);
        } catch (error) {
          assert.ok(error instanceof CertfleetError && error.reason === 'InvalidCertificate');
        }
      }),
      { numRuns: 500 },
    );
  });
});

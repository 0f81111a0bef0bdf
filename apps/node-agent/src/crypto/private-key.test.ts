import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  decodePrivateKey,
  encodePrivateKey,
  encodePublicKey,
  generatePrivateKey,
  keyMatchesSpec,
} from './private-key.ts';
import type { KeyKind } from './private-key.ts';

const kinds: readonly KeyKind[] = [
  { algorithm: 'RSA', size: 2048 },
  { algorithm: 'ECDSA', size: 256 },
  { algorithm: 'ECDSA', size: 384 },
  { algorithm: 'ECDSA', size: 521 },
  { algorithm: 'Ed25519', size: 256 },
];

describe('generatePrivateKey', () => {
  for (const kind of kinds) {
    test(`generates a ${kind.algorithm} ${kind.size} key that openssl reads and that matches only its own kind`, async () => {
      const key = await generatePrivateKey(kind);
      const pem = encodePrivateKey(key, 'PKCS8');
      assert.match(pem.toString(), /^-----BEGIN PRIVATE KEY-----\n/);
      const text = execFileSync('openssl', ['pkey', '-noout', '-text'], { input: pem, encoding: 'utf8' });
      assert.match(
        text,
        kind.algorithm === 'Ed25519' ? /ED25519 Private-Key/ : new RegExp(`Private-Key: \\(${kind.size} bit`),
      );
      assert.ok(decodePrivateKey(pem).equals(key));
      assert.deepEqual(
        kinds.filter((other) => keyMatchesSpec(key, other)),
        [kind],
      );
      const publicKey = execFileSync('openssl', ['pkey', '-pubout', '-outform', 'DER'], { input: pem });
      assert.deepEqual(encodePublicKey(key), publicKey);
    });
  }

  test('finds the public half of an EC key that is stored without it', async () => {
    const key = await generatePrivateKey({ algorithm: 'ECDSA', size: 256 });
    const convert = (...options: string[]): Buffer =>
      execFileSync('openssl', ['ec', ...options], { input: encodePrivateKey(key, 'PKCS8'), stdio: 'pipe' });
    const bare = convert('-no_public');
    assert.ok(bare.length < convert().length);
    assert.deepEqual(encodePublicKey(decodePrivateKey(bare)), encodePublicKey(key));
  });

  test('generates RSA keys with the public exponent 65537', async () => {
    const key = await generatePrivateKey({ algorithm: 'RSA', size: 2048 });
    assert.equal(key.asymmetricKeyDetails?.publicExponent, 65537n);
  });

  test('encodes RSA keys as PKCS#1 on request, and reads them back', async () => {
    const key = await generatePrivateKey({ algorithm: 'RSA', size: 2048 });
    const pem = encodePrivateKey(key, 'PKCS1');
    assert.match(pem.toString(), /^-----BEGIN RSA PRIVATE KEY-----\n/);
    assert.ok(decodePrivateKey(pem.toString()).equals(key));
    assert.match(encodePrivateKey(key, 'PKCS8').toString(), /^-----BEGIN PRIVATE KEY-----\n/);
    assert.deepEqual(encodePrivateKey(key, 'PKCS1'), pem);
  });

  test('does not match an RSA key of another size', async () => {
    const key = await generatePrivateKey({ algorithm: 'RSA', size: 2048 });
    assert.equal(keyMatchesSpec(key, { algorithm: 'RSA', size: 3072 }), false);
  });

  test('rejects a text that is not a private key without showing it', () => {
    assert.throws(
      () => decodePrivateKey('-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n'),
      (error) => error instanceof CertfleetError && error.cause === undefined && !error.message.includes('c2VjcmV0'),
    );
  });

  test('rejects a curve that no attribute can request', async () => {
    await assert.rejects(generatePrivateKey({ algorithm: 'ECDSA', size: 224 }), { code: 'invalid-argument' });
  });
});

import { createPrivateKey, createPublicKey, generateKeyPair, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { readDerChildren } from '@certfleet/shared/der-reader.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KeySpec } from '../spec/volume-spec.ts';
import { sequence } from '@certfleet/shared/x509/der.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';

/** The parameters of key generation, without the encoding of the file. */
export type KeyKind = Pick<KeySpec, 'algorithm' | 'size'>;

const generate = promisify(generateKeyPair);

const curveNames: Readonly<Record<number, string>> = { 256: 'prime256v1', 384: 'secp384r1', 521: 'secp521r1' };

/**
 * Generates a private key on a thread of libuv's pool. The thread is busy for 50 to 500 ms for RSA 2048, so callers
 * must limit concurrency. P-256 and Ed25519 keys are generated synchronously: 0.05 ms, a third of the cost of a thread
 * hop.
 */
export async function generatePrivateKey(kind: KeyKind): Promise<KeyObject> {
  switch (kind.algorithm) {
    case 'RSA':
      return (await generate('rsa', { modulusLength: kind.size, publicExponent: 65537 })).privateKey;
    case 'ECDSA': {
      const options = { namedCurve: curveName(kind.size) };
      return (kind.size === 256 ? generateKeyPairSync('ec', options) : await generate('ec', options)).privateKey;
    }
    case 'Ed25519':
      return generateKeyPairSync('ed25519').privateKey;
  }
}

/** Whether the key has that algorithm and size; otherwise it must not be reused for the volume. */
export function keyMatchesSpec(key: KeyObject, kind: KeyKind): boolean {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (kind.algorithm) {
    case 'RSA':
      return key.asymmetricKeyType === 'rsa' && modulusLength === kind.size;
    case 'ECDSA':
      return key.asymmetricKeyType === 'ec' && namedCurve === curveNames[kind.size];
    case 'Ed25519':
      return key.asymmetricKeyType === 'ed25519';
  }
}

/** The last encoding of each live key: it is written before the request is sent, and again with the certificate. */
const encodings = new WeakMap<KeyObject, { readonly encoding: KeySpec['encoding']; readonly pem: Buffer }>();

/** The key as PEM: `RSA PRIVATE KEY` (PKCS#1, RSA only) or `PRIVATE KEY` (PKCS#8). */
export function encodePrivateKey(key: KeyObject, encoding: KeySpec['encoding']): Buffer {
  const known = encodings.get(key);
  if (known?.encoding === encoding) return known.pem;
  const exported = key.export({ format: 'pem', type: encoding === 'PKCS1' ? 'pkcs1' : 'pkcs8' });
  const pem = typeof exported === 'string' ? Buffer.from(exported, 'latin1') : exported;
  encodings.set(key, { encoding, pem });
  return pem;
}

/**
 * The public half of a private key as SubjectPublicKeyInfo (RFC 5280 4.1.2.7). For an EC key it is taken from the
 * private key's encoding, which is cached; OpenSSL would take five times as long to encode it again.
 */
export function encodePublicKey(key: KeyObject): Buffer {
  const known = key.asymmetricKeyType === 'ec' ? ecPublicKeyIn(encodePrivateKey(key, 'PKCS8')) : undefined;
  return known ?? createPublicKey(key).export({ type: 'spki', format: 'der' });
}

/** From PrivateKeyInfo (RFC 5208 5) the algorithm, and from its ECPrivateKey (RFC 5915 3) the optional publicKey. */
function ecPublicKeyIn(pem: Buffer): Buffer | undefined {
  const [block] = parsePem(pem.toString('latin1'));
  const [, algorithm, privateKey] = block === undefined ? [] : readDerChildren(block.der);
  if (algorithm === undefined || privateKey === undefined) return undefined;
  const publicKey = readDerChildren(privateKey.content).find(({ tag }) => tag === 0xa1);
  return publicKey && sequence(algorithm.encoded, publicKey.content);
}

/**
 * Reads a private key's PEM of either encoding.
 * @throws CertfleetError failed-precondition if the text contains no unencrypted private key
 */
export function decodePrivateKey(pem: string | Buffer): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // OpenSSL's error is omitted: it does not help a user, and nothing of a key file may reach a log.
    throw new CertfleetError('failed-precondition', 'expected the PEM of an unencrypted private key, found none');
  }
}

function curveName(size: number): string {
  const name = curveNames[size];
  if (name !== undefined) return name;
  throw new CertfleetError('invalid-argument', `expected an ECDSA key of 256, 384 or 521 bits, found ${size}`);
}

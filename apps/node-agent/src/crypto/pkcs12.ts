// PKCS#12 keystores (RFC 7292): one private key with its chain. This file writes the structure; the profile determines
// how its parts are encrypted and authenticated.
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Secret } from '@certfleet/shared/secret.ts';
import type { KeystoreSpec } from '../spec/volume-spec.ts';
import { bmpString, contextConstructed, contextPrimitive, integer, objectIdentifier, octetString } from './der.ts';
import { sequence, setOf } from './der.ts';
import { parsePem } from './pem.ts';
import { encodeMacData } from './pkcs12-mac.ts';
import type { EncryptedContent, KeystoreEncryption } from './pkcs12-encryption.ts';
import { pbes2Encryption } from './pkcs12-pbes2.ts';

/** Content and protection of a keystore. */
export interface Keystore {
  readonly key: KeyObject;
  /** The chain, leaf first. */
  readonly certificatePem: string;
  /** May be empty; a CA that is also in the chain is written once. */
  readonly caPem: string;
  /**
   * Without NUL. New volumes have ASCII, because readers disagree about other characters; an adopted volume may have
   * any.
   */
  readonly password: Secret;
  readonly profile: KeystoreSpec['profile'];
  /** The entry's alias; without it Java uses "1". */
  readonly friendlyName?: string;
}

/**
 * Iterations of key derivation, as in OpenSSL and Go. More would not protect anything: the same key is next to the
 * keystore in PEM.
 */
const keystoreIterations = 2048;

const dataOid = objectIdentifier('1.2.840.113549.1.7.1');
const encryptedDataOid = objectIdentifier('1.2.840.113549.1.7.6');
const certificateBagOid = objectIdentifier('1.2.840.113549.1.12.10.1.3');
const shroudedKeyBagOid = objectIdentifier('1.2.840.113549.1.12.10.1.2');
const x509CertificateOid = objectIdentifier('1.2.840.113549.1.9.22.1');

/**
 * Encodes a keystore. `modern`: PBES2 with AES-256 and a SHA-256 MAC (OpenSSL 3, Java 8u301 and later); `legacy`: 3DES
 * with a SHA-1 MAC, for older readers. Both support every key type.
 * @throws CertfleetError invalid-argument if the password is empty or contains NUL, or if there is no certificate
 */
export async function encodeKeystore(keystore: Keystore): Promise<Buffer> {
  const password = keystore.password.reveal();
  if (password === '' || password.includes('\0')) {
    throw new CertfleetError('invalid-argument', 'expected a keystore password of at least one character, without NUL');
  }
  const encrypt = await encryptionFor(keystore.profile, password);
  const [leaf, ...issuers] = certificates(keystore);
  if (leaf === undefined)
    throw new CertfleetError('invalid-argument', 'expected a certificate for the keystore, found none');
  // The same local key id on both identifies the key's certificate.
  const attributes = entryAttributes(createHash('sha1').update(leaf).digest(), keystore.friendlyName);
  const [certificateSafe, shroudedKey] = await Promise.all([
    encrypt(sequence(certificateBag(leaf, attributes), ...issuers.map((der) => certificateBag(der)))),
    encrypt(keystore.key.export({ type: 'pkcs8', format: 'der' })),
  ]);
  const keyBag = sequence(
    shroudedKeyBagOid,
    contextConstructed(0, sequence(shroudedKey.algorithm, octetString(shroudedKey.ciphertext))),
    attributes,
  );
  const authenticatedSafe = sequence(encryptedContent(certificateSafe), plainContent(sequence(keyBag)));
  const digest = keystore.profile === 'modern' ? 'sha256' : 'sha1';
  return sequence(integer(3), plainContent(authenticatedSafe), encodeMacData(authenticatedSafe, password, digest));
}

async function encryptionFor(profile: KeystoreSpec['profile'], password: string): Promise<KeystoreEncryption> {
  if (profile === 'modern') return pbes2Encryption(password, keystoreIterations);
  // node-forge is loaded only for the legacy profile: it costs some megabytes.
  const { tripleDesEncryption } = await import('./pkcs12-legacy.ts');
  return tripleDesEncryption(password, keystoreIterations);
}

/** Chain and CA, each certificate once. */
function certificates({ certificatePem, caPem }: Keystore): Buffer[] {
  const ders = [...parsePem(certificatePem), ...parsePem(caPem)].map(({ der }) => der);
  return ders.filter((der, index) => ders.findIndex((earlier) => earlier.equals(der)) === index);
}

function certificateBag(der: Buffer, attributes?: Buffer): Buffer {
  const certificate = sequence(x509CertificateOid, contextConstructed(0, octetString(der)));
  return sequence(
    certificateBagOid,
    contextConstructed(0, certificate),
    ...(attributes === undefined ? [] : [attributes]),
  );
}

function entryAttributes(localKeyId: Buffer, friendlyName: string | undefined): Buffer {
  const attribute = (oid: string, value: Buffer): Buffer => sequence(objectIdentifier(oid), setOf(value));
  return setOf(
    attribute('1.2.840.113549.1.9.21', octetString(localKeyId)),
    ...(friendlyName === undefined ? [] : [attribute('1.2.840.113549.1.9.20', bmpString(friendlyName))]),
  );
}

function plainContent(content: Buffer): Buffer {
  return sequence(dataOid, contextConstructed(0, octetString(content)));
}

function encryptedContent({ algorithm, ciphertext }: EncryptedContent): Buffer {
  const content = sequence(dataOid, algorithm, contextPrimitive(0, ciphertext));
  return sequence(encryptedDataOid, contextConstructed(0, sequence(integer(0), content)));
}

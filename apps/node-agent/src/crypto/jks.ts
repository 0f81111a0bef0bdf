// JKS, Java's own keystore format, for programs that cannot read PKCS#12. It has no specification: the reference is
// JavaKeyStore in OpenJDK. Its protection is weak (SHA-1 once); the same key is next to it in PEM.
import { hash, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { caAlias } from '../spec/keystore-values.ts';
import { nullValue, objectIdentifier, octetString, sequence } from '@certfleet/shared/x509/der.ts';
import { certificateMissing, distinctCertificates, storePassword } from './keystore.ts';
import type { Truststore } from './keystore.ts';

/** Trusted certificates, and the time that each entry shows as its creation. */
export interface JksTruststore extends Truststore {
  readonly createdAt: Date;
}

/** A private key with its chain, and the CA as trusted certificates. */
export interface JksKeystore extends JksTruststore {
  readonly key: KeyObject;
  /** The chain, leaf first. */
  readonly certificatePem: string;
  readonly alias: string;
}

const magic = 0xfeedfeed;
const version = 2;
const entryTag = { privateKey: 1, trustedCertificate: 2 } as const;
/** Sun's algorithm that encrypts a private key. */
const keyProtectorOid = objectIdentifier('1.3.6.1.4.1.42.2.17.1.1');
const digestOctets = 20;

/**
 * Encodes a key with its chain; the CA follows as trusted certificates, as cert-manager writes it. The key has the
 * password of the store.
 * @throws CertfleetError invalid-argument if the password is empty or contains NUL, or if there is no certificate
 */
export function encodeJksKeystore(keystore: JksKeystore): Buffer {
  const { key, certificatePem, alias, createdAt } = keystore;
  const chain = distinctCertificates(certificatePem);
  if (chain.length === 0) throw certificateMissing();
  const encryptedKey = encryptKey(key.export({ type: 'pkcs8', format: 'der' }), passwordOctets(keystore));
  const entry = Buffer.concat([
    entryHeader(entryTag.privateKey, alias, createdAt),
    withLength(encryptedKey),
    unsigned32(chain.length),
    ...chain.map(certificate),
  ]);
  return encodeStore([entry, ...trustedEntries(keystore)], keystore);
}

/**
 * Encodes trusted certificates. Without certificates the store is empty, but valid.
 * @throws CertfleetError invalid-argument if the password is empty or contains NUL
 */
export function encodeJksTruststore(truststore: JksTruststore): Buffer {
  return encodeStore(trustedEntries(truststore), truststore);
}

function trustedEntries({ caPem, createdAt }: JksTruststore): Buffer[] {
  return distinctCertificates(caPem).map((der, index) =>
    Buffer.concat([entryHeader(entryTag.trustedCertificate, caAlias(index), createdAt), certificate(der)]),
  );
}

/** The entries with a digest over password, salt phrase and content, by which Java checks the password. */
function encodeStore(entries: readonly Buffer[], truststore: JksTruststore): Buffer {
  const header = Buffer.concat([magic, version, entries.length].map(unsigned32));
  const content = Buffer.concat([header, ...entries]);
  const phrase = Buffer.from('Mighty Aphrodite');
  return Buffer.concat([content, sha1(passwordOctets(truststore), phrase, content)]);
}

function entryHeader(tag: number, alias: string, createdAt: Date): Buffer {
  const created = Buffer.alloc(8);
  created.writeBigInt64BE(BigInt(createdAt.getTime()));
  // Java looks an alias up in lower case.
  return Buffer.concat([unsigned32(tag), text(alias.toLowerCase()), created]);
}

function certificate(der: Buffer): Buffer {
  return Buffer.concat([text('X.509'), withLength(der)]);
}

/** EncryptedPrivateKeyInfo of Sun's protection: a stream of chained digests, and a digest of the plain key. */
function encryptKey(plain: Buffer, password: Buffer): Buffer {
  const salt = randomBytes(digestOctets);
  const encrypted = Buffer.from(plain);
  let block: Buffer = salt;
  for (let offset = 0; offset < plain.length; offset += digestOctets) {
    block = sha1(password, block);
    for (const [index, octet] of block.subarray(0, plain.length - offset).entries()) {
      encrypted[offset + index] = (plain[offset + index] ?? 0) ^ octet;
    }
  }
  const protectedKey = Buffer.concat([salt, encrypted, sha1(password, plain)]);
  return sequence(sequence(keyProtectorOid, nullValue), octetString(protectedKey));
}

/** The password as Java digests it: UTF-16, big-endian. */
function passwordOctets({ password }: JksTruststore): Buffer {
  return Buffer.from(storePassword(password), 'utf16le').swap16();
}

function sha1(...parts: readonly Buffer[]): Buffer {
  return hash('sha1', Buffer.concat(parts), 'buffer');
}

function unsigned32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}

function withLength(content: Buffer): Buffer {
  return Buffer.concat([unsigned32(content.length), content]);
}

/** Java's DataOutput.writeUTF for ASCII: the length in two octets, and the text. */
function text(value: string): Buffer {
  const content = Buffer.from(value, 'ascii');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(content.length);
  return Buffer.concat([length, content]);
}

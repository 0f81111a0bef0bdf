// PKCS#12 stores (RFC 7292): a private key with its chain, or trusted certificates. This file writes the structure;
// pkcs12-protection.ts encrypts and authenticates its parts.
import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { caAlias } from '../spec/keystore-values.ts';
import type { Pkcs12Profile } from '../spec/volume-spec.ts';
import {
  bmpString,
  contextConstructed,
  contextPrimitive,
  integer,
  objectIdentifier,
  octetString,
} from '@certfleet/shared/x509/der.ts';
import { sequence, setOf } from '@certfleet/shared/x509/der.ts';
import { certificateMissing, distinctCertificates, storePassword } from './keystore.ts';
import type { Truststore } from './keystore.ts';
import { encodeMacData, pkcs12Protections } from './pkcs12-protection.ts';
import type { EncryptedContent } from './pkcs12-protection.ts';

/** Trusted certificates, and how they are protected. */
export interface Pkcs12Truststore extends Truststore {
  readonly profile: Pkcs12Profile;
}

/** A private key with its chain, and how it is protected. */
export interface Pkcs12Keystore extends Pkcs12Truststore {
  readonly key: KeyObject;
  /** The chain, leaf first. A CA that is also in the chain is written once. */
  readonly certificatePem: string;
  /** The entry's alias (friendly name); without it Java uses "1". */
  readonly alias: string | undefined;
}

const dataOid = objectIdentifier('1.2.840.113549.1.7.1');
const encryptedDataOid = objectIdentifier('1.2.840.113549.1.7.6');
const certificateBagOid = objectIdentifier('1.2.840.113549.1.12.10.1.3');
const shroudedKeyBagOid = objectIdentifier('1.2.840.113549.1.12.10.1.2');
const x509CertificateOid = objectIdentifier('1.2.840.113549.1.9.22.1');

const attribute = (oid: string, value: Buffer): Buffer => sequence(objectIdentifier(oid), setOf(value));
const friendlyName = (alias: string): Buffer => attribute('1.2.840.113549.1.9.20', bmpString(alias));
const localKeyId = (id: Buffer): Buffer => attribute('1.2.840.113549.1.9.21', octetString(id));
/** Java's attribute for a trusted certificate: its value is the purpose, here any extended key usage. */
const javaTrusted = attribute('2.16.840.1.113894.746875.1.1', objectIdentifier('2.5.29.37.0'));

/**
 * Encodes a key with its chain and CA. `Modern2023` needs OpenSSL 1.1 or Java 8u301 or later; the legacy profiles are
 * for older readers. Each supports every key type.
 * @throws CertfleetError invalid-argument if the password is empty or contains NUL, or if there is no certificate
 */
export async function encodePkcs12Keystore(keystore: Pkcs12Keystore): Promise<Buffer> {
  const password = storePassword(keystore.password);
  const { encryptCertificates, encryptKey } = pkcs12Protections[keystore.profile];
  const [leaf, ...issuers] = distinctCertificates(keystore.certificatePem, keystore.caPem);
  if (leaf === undefined) throw certificateMissing();
  // The same local key id on both identifies the key's certificate.
  const entry = [
    localKeyId(createHash('sha1').update(leaf).digest()),
    ...(keystore.alias === undefined ? [] : [friendlyName(keystore.alias)]),
  ];
  const bags = sequence(certificateBag(leaf, entry), ...issuers.map((der) => certificateBag(der, [])));
  const [certificates, key] = await Promise.all([
    encryptCertificates(bags, password),
    encryptKey(keystore.key.export({ type: 'pkcs8', format: 'der' }), password),
  ]);
  const shroudedKey = sequence(key.algorithm, octetString(key.ciphertext));
  const keyBag = sequence(shroudedKeyBagOid, contextConstructed(0, shroudedKey), setOf(...entry));
  return authenticated([encryptedContent(certificates), plainContent(sequence(keyBag))], keystore);
}

/**
 * Encodes trusted certificates, each with the attribute that makes Java trust it. Without certificates the store is
 * empty, but valid.
 * @throws CertfleetError invalid-argument if the password is empty or contains NUL
 */
export async function encodePkcs12Truststore(truststore: Pkcs12Truststore): Promise<Buffer> {
  const bags = distinctCertificates(truststore.caPem).map((der, index) =>
    certificateBag(der, [friendlyName(caAlias(index)), javaTrusted]),
  );
  const { encryptCertificates } = pkcs12Protections[truststore.profile];
  const certificates = await encryptCertificates(sequence(...bags), storePassword(truststore.password));
  return authenticated([encryptedContent(certificates)], truststore);
}

/** The complete file: its contents, authenticated with the password. */
function authenticated(contents: readonly Buffer[], { password, profile }: Pkcs12Truststore): Buffer {
  const authenticatedSafe = sequence(...contents);
  const macData = encodeMacData(authenticatedSafe, storePassword(password), pkcs12Protections[profile].macDigest);
  return sequence(integer(3), plainContent(authenticatedSafe), macData);
}

function certificateBag(der: Buffer, attributes: readonly Buffer[]): Buffer {
  const certificate = sequence(x509CertificateOid, contextConstructed(0, octetString(der)));
  const attributeSet = attributes.length === 0 ? [] : [setOf(...attributes)];
  return sequence(certificateBagOid, contextConstructed(0, certificate), ...attributeSet);
}

function plainContent(content: Buffer): Buffer {
  return sequence(dataOid, contextConstructed(0, octetString(content)));
}

function encryptedContent({ algorithm, ciphertext }: EncryptedContent): Buffer {
  const content = sequence(dataOid, algorithm, contextPrimitive(0, ciphertext));
  return sequence(encryptedDataOid, contextConstructed(0, sequence(integer(0), content)));
}

import { readDerChildren, readDerValues } from '../der-reader.ts';
import type { DerValue } from '../der-reader.ts';
import { CertfleetError } from '../errors.ts';
import { objectIdentifier } from './der.ts';

/** The parts of a CA's certificate that the certificates below it repeat, in their original DER. */
export interface IssuerFields {
  readonly subject: Buffer;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  /** The content of SubjectKeyIdentifier; undefined if the certificate has none. */
  readonly subjectKeyIdentifier: Buffer | undefined;
}

/**
 * Reads the fields of a certificate that OpenSSL has parsed before.
 * @throws CertfleetError invalid-argument if it is not a certificate
 */
export function readIssuerFields(der: Buffer): IssuerFields {
  const [toBeSigned] = readDerChildren(der);
  // version, serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo (RFC 5280 4.1).
  const fields = toBeSigned === undefined ? [] : readDerChildren(toBeSigned.encoded);
  const [, , , , , subject, publicKey] = fields;
  if (subject === undefined || publicKey === undefined)
    throw new CertfleetError('invalid-argument', 'expected a certificate with a subject and a public key');
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  return {
    subject: subject.encoded,
    publicKey: publicKey.encoded,
    subjectKeyIdentifier: extensions === undefined ? undefined : subjectKeyIdentifierIn(extensions),
  };
}

/** What a certificate says about the CA that signed it. */
export interface IssuerReference {
  /** The issuer's name, in its original DER. */
  readonly name: Buffer;
  /** The keyIdentifier of AuthorityKeyIdentifier; undefined if the certificate has none. */
  readonly keyIdentifier: Buffer | undefined;
}

/**
 * Reads which CA has signed a certificate, as the certificate says.
 * @throws CertfleetError invalid-argument if it is not a certificate
 */
export function readIssuerReference(der: Buffer): IssuerReference {
  const [toBeSigned] = readDerChildren(der);
  const fields = toBeSigned === undefined ? [] : readDerChildren(toBeSigned.encoded);
  // Version 1 has no field for its number.
  const name = fields[fields[0]?.tag === 0xa0 ? 3 : 2];
  if (name === undefined) throw new CertfleetError('invalid-argument', 'expected a certificate with an issuer');
  const extensions = fields.find(({ tag }) => tag === 0xa3);
  const value = extensions && extensionIn(extensions, '2.5.29.35');
  // keyIdentifier is [0] IMPLICIT (RFC 5280 4.2.1.1).
  const keyIdentifier = value && readDerValues(value.content).find(({ tag }) => tag === 0x80);
  return { name: name.encoded, keyIdentifier: keyIdentifier?.content };
}

function subjectKeyIdentifierIn(extensions: DerValue): Buffer | undefined {
  return extensionIn(extensions, '2.5.29.14')?.content;
}

function extensionIn(extensions: DerValue, identifier: string): DerValue | undefined {
  const wanted = objectIdentifier(identifier);
  for (const each of readDerValues(extensions.content).flatMap((list) => readDerChildren(list.encoded))) {
    const parts = readDerChildren(each.encoded);
    const value = parts.at(-1);
    // The value is in the OCTET STRING of the extension.
    if (parts[0]?.encoded.equals(wanted) === true && value !== undefined) return readDerValues(value.content)[0];
  }
  return undefined;
}

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

function subjectKeyIdentifierIn(extensions: DerValue): Buffer | undefined {
  const wanted = objectIdentifier('2.5.29.14');
  for (const each of readDerValues(extensions.content).flatMap((list) => readDerChildren(list.encoded))) {
    const parts = readDerChildren(each.encoded);
    const value = parts.at(-1);
    // The value is an OCTET STRING in the OCTET STRING of the extension.
    if (parts[0]?.encoded.equals(wanted) === true && value !== undefined)
      return readDerValues(value.content)[0]?.content;
  }
  return undefined;
}

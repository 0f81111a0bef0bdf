import { createPublicKey, verify } from 'node:crypto';
import { CertfleetError } from '../errors.ts';
import { objectIdentifier } from './der.ts';
import { readDerChildren, readDerValues } from '../der-reader.ts';
import type { DerValue } from '../der-reader.ts';
import { parsePem } from './pem.ts';
import { digestOfSignature } from './signature.ts';
import { subjectAltNameOid } from './x509-extensions.ts';

/** PKCS#9 extensionRequest (RFC 2985 5.4.2). */
export const extensionRequestOid = '1.2.840.113549.1.9.14';

/** The parts of a request that a CA uses, each in its original DER. */
export interface CertificateSigningRequestContents {
  /** CertificationRequestInfo: the signed part. Equal requests may have different signatures. */
  readonly information: Buffer;
  readonly subject: Buffer;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  /** The whole SubjectAltName extension; undefined if the request has none. */
  readonly subjectAltName: Buffer | undefined;
}

/**
 * Reads a PKCS#10 request and verifies its signature with the key in it.
 * @throws CertfleetError invalid-argument if it is malformed or the signature is wrong
 */
export function readCertificateSigningRequest(csrPem: string): CertificateSigningRequestContents {
  const [block, ...others] = parsePem(csrPem);
  if (block?.label !== 'CERTIFICATE REQUEST' || others.length > 0) throw invalid('one CERTIFICATE REQUEST block');
  return readCertificateSigningRequestDer(block.der);
}

/** As readCertificateSigningRequest, for a request in DER. */
export function readCertificateSigningRequestDer(der: Buffer): CertificateSigningRequestContents {
  const [information, algorithm, signature] = readDerChildren(der);
  if (information === undefined || algorithm === undefined || signature?.tag !== 0x03) {
    throw invalid('information, algorithm and signature (RFC 2986 section 4)');
  }
  const [, subject, publicKey, attributes] = readDerChildren(information.encoded);
  if (subject === undefined || publicKey === undefined) throw invalid('a subject and a public key');
  const key = createPublicKey({ key: publicKey.encoded, format: 'der', type: 'spki' });
  // The first octet of a BIT STRING counts its unused bits: none in a signature.
  if (!verify(digestOfSignature(algorithm.encoded), information.encoded, key, signature.content.subarray(1))) {
    throw invalid('a signature by the key in it');
  }
  return {
    information: information.encoded,
    subject: subject.encoded,
    publicKey: publicKey.encoded,
    subjectAltName: requestedExtension(attributes, subjectAltNameOid),
  };
}

function requestedExtension(attributes: DerValue | undefined, oid: string): Buffer | undefined {
  for (const attribute of attributes === undefined ? [] : readDerValues(attributes.content)) {
    const [type, values] = readDerChildren(attribute.encoded);
    if (values === undefined || !type?.encoded.equals(objectIdentifier(extensionRequestOid))) continue;
    const extensions = readDerValues(values.content).flatMap((list) => readDerChildren(list.encoded));
    const wanted = objectIdentifier(oid);
    const found = extensions.find((candidate) => readDerChildren(candidate.encoded)[0]?.encoded.equals(wanted));
    if (found !== undefined) return found.encoded;
  }
  return undefined;
}

function invalid(expected: string): CertfleetError {
  return new CertfleetError('invalid-argument', `malformed certificate signing request: expected ${expected}`);
}

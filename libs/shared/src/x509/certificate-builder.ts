import { createHash, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { bitString, contextConstructed, contextPrimitive, integer, octetString, sequence, time } from './der.ts';
import { readDerChildren } from '../der-reader.ts';
import { encodePem } from './pem.ts';
import { signatureAlgorithmIdentifier, signStructure } from './signature.ts';
import { extension } from './x509-extensions.ts';

/** The content of a certificate. Names, key and extensions are DER. */
export interface CertificateTemplate {
  readonly serialNumber: bigint;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  readonly extensions: readonly Buffer[];
}

/** An X.509 v3 certificate (RFC 5280 4.1), signed by the issuer's key, in PEM. */
export function signCertificate(template: CertificateTemplate, issuerKey: KeyObject): string {
  const toBeSigned = sequence(
    contextConstructed(0, integer(2)),
    integer(template.serialNumber),
    signatureAlgorithmIdentifier(issuerKey),
    template.issuer,
    sequence(time(template.notBefore), time(template.notAfter)),
    template.subject,
    template.publicKey,
    contextConstructed(3, sequence(...template.extensions)),
  );
  return encodePem('CERTIFICATE', signStructure(toBeSigned, issuerKey));
}

/** 128 random bits, positive (RFC 5280 4.1.2.2 allows twenty octets). */
export function randomSerialNumber(): bigint {
  return BigInt(`0x${randomBytes(16).toString('hex')}`) | 1n;
}

/** SubjectKeyIdentifier of the key (RFC 5280 4.2.1.2). */
export function subjectKeyIdentifierExtension(publicKey: Buffer): Buffer {
  return extension('2.5.29.14', false, octetString(keyIdentifier(publicKey)));
}

/**
 * AuthorityKeyIdentifier (RFC 5280 4.2.1.1): the SubjectKeyIdentifier in the issuer's certificate, or if it has none,
 * the one that this module gives the issuer's key.
 */
export function authorityKeyIdentifierExtension(
  issuerPublicKey: Buffer,
  subjectKeyIdentifier = keyIdentifier(issuerPublicKey),
): Buffer {
  return extension('2.5.29.35', false, sequence(contextPrimitive(0, subjectKeyIdentifier)));
}

/** The first 160 bits of SHA-256 over the key's bits (RFC 7093 section 2, method 1). */
function keyIdentifier(publicKey: Buffer): Buffer {
  const [, bits] = readDerChildren(publicKey);
  const key = bits?.content.subarray(1) ?? bitString(Buffer.alloc(0));
  return createHash('sha256').update(key).digest().subarray(0, 20);
}

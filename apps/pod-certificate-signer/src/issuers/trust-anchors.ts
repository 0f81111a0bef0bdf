import { X509Certificate } from 'node:crypto';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parsePem } from '@certfleet/shared/x509/pem.ts';

/**
 * What verifiers of an issuer's certificates must trust: the CA at the top of its chain, as far as the CAs are known.
 * @param ca the CA that signs
 * @param others CAs that may be above it, in any order
 */
export function topOfChain(ca: X509Certificate, others: readonly X509Certificate[]): X509Certificate {
  let top = ca;
  // No chain is longer than the CAs that there are.
  for (let step = 0; step < others.length && !isSelfSigned(top); step += 1) {
    const below = top;
    const issuer = others.find((each) => each.ca && below.checkIssued(each) && below.verify(each.publicKey));
    if (issuer === undefined) break;
    top = issuer;
  }
  return top;
}

export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

/**
 * The CA certificates in a PEM text.
 * @throws CertfleetError failed-precondition that does not quote the text
 */
export function readCaCertificates(pem: string): readonly X509Certificate[] {
  try {
    return parsePem(pem)
      .map(({ der }) => new X509Certificate(der))
      .filter(({ ca }) => ca);
  } catch {
    throw new CertfleetError('failed-precondition', 'expected CA certificates as PEM');
  }
}

/** Each certificate once. */
export function distinct(certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  return [...new Map(certificates.map((each) => [each.fingerprint256, each])).values()];
}

import { X509Certificate } from 'node:crypto';
import type { CertificateText } from '@certfleet/operator-api/certificate.ts';
import { distinguishedNameText } from '@certfleet/shared/distinguished-name-text.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { certificateText } from '../certificate-text/certificate-text.ts';
import type { VolumeDescription, VolumeOfNode } from '../fleet-api/node-questions.ts';

/**
 * An agent's answer in the API's words. The answer is hostile input: what is no certificate goes no further.
 * @throws CertfleetError not-found when the volume has none; unavailable when the agent sent something else
 */
export function toCertificateDto({ node }: VolumeOfNode, description: VolumeDescription): CertificateText {
  if (description.absent !== '') throw new CertfleetError('not-found', `node ${node} says: ${description.absent}`);
  const chain = description.chain.map((der) => parsed(der, node));
  const ca = description.ca.map((der) => parsed(der, node));
  const [leaf] = chain;
  if (leaf === undefined) throw noCertificate(node);
  return {
    pem: pemOf(chain),
    ...(ca.length > 0 && { ca: pemOf(ca) }),
    chain: chain.map(shownLink),
    text: certificateText(leaf.raw),
    truncated: description.truncated,
  };
}

function parsed(der: Uint8Array, node: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch {
    throw noCertificate(node);
  }
}

function noCertificate(node: string): CertfleetError {
  return new CertfleetError('unavailable', `the agent of node ${node} answered with what is no certificate`);
}

/** Encoded again, so that nothing but what was parsed is shown. */
function pemOf(certificates: readonly X509Certificate[]): string {
  return certificates.map((certificate) => certificate.toString()).join('');
}

function shownLink(certificate: X509Certificate): CertificateText['chain'][number] {
  return {
    subject: distinguishedNameText(certificate.subject),
    issuer: distinguishedNameText(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: isoTime(certificate.validFromDate),
    notAfter: isoTime(certificate.validToDate),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** A time that cannot be read is shown as the epoch; the text says that it is bad. */
function isoTime(time: Date): string {
  return new Date(Number.isNaN(time.getTime()) ? 0 : time).toISOString();
}

import { X509Certificate } from 'node:crypto';
import type { CertificateText } from '@certfleet/operator-api/certificate.ts';
import { distinguishedNameText } from '@certfleet/shared/distinguished-name-text.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { certificateText } from '../../certificate-text/certificate-text.ts';
import type { VolumeDescription, VolumeOfNode } from '../../fleet-api/node-questions.ts';

/**
 * Converts an agent's answer to the API's form. The answer is untrusted: anything but certificates is rejected.
 * @throws CertfleetError not-found if the volume has no certificate; unavailable if the answer is invalid
 */
export function toCertificateDto({ node }: VolumeOfNode, description: VolumeDescription): CertificateText {
  if (description.absent !== '') throw new CertfleetError('not-found', `node ${node}: ${description.absent}`);
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
  return new CertfleetError('unavailable', `the agent of node ${node} sent an invalid certificate`);
}

/** Encoded again, so that only parsed content is shown. */
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

/** An unreadable time is shown as the epoch; the text output shows that it is invalid. */
function isoTime(time: Date): string {
  return new Date(Number.isNaN(time.getTime()) ? 0 : time).toISOString();
}

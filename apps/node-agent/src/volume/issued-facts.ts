import { renewalTime } from '@certfleet/fleet-model/renewal-policy.ts';
import { inspectChain } from '../crypto/certificate-chain.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Payload } from '../storage/payload.ts';
import type { IssuedFacts, VolumeRecord, VolumeTrust } from '../storage/volume-record.ts';

/** The fields of a certificate that the record stores. */
export type IssuedCertificateFacts = Pick<
  IssuedCertificate,
  'serialNumber' | 'fingerprintSha256' | 'notBefore' | 'notAfter' | 'caFingerprintsSha256'
>;

/** Context of an issuance that the certificate does not contain. */
export interface IssueCircumstances {
  readonly requestName: string | undefined;
  readonly issuedAt: Date;
  readonly renewBeforeMs: number | undefined;
  readonly podAddresses: string | undefined;
}

/** The record's fields for a certificate, with its renewal time. */
export function issuedFacts(
  { serialNumber, fingerprintSha256, notBefore, notAfter, caFingerprintsSha256 }: IssuedCertificateFacts,
  { requestName, issuedAt, renewBeforeMs, podAddresses }: IssueCircumstances,
): IssuedFacts {
  const times = { notBeforeMs: notBefore.getTime(), notAfterMs: notAfter.getTime(), issuedAtMs: issuedAt.getTime() };
  return {
    serialNumber,
    fingerprintSha256,
    notBefore,
    notAfter,
    caFingerprintsSha256,
    requestName,
    issuedAt,
    renewAt: new Date(renewalTime(times, renewBeforeMs).renewAtMs),
    ...(podAddresses !== undefined && { podAddresses }),
  };
}

/**
 * The certificate in a volume's files; undefined if it is missing or unreadable. Certificates in the CA file that the
 * record attributes to another source than the issuer are not part of its CA.
 */
export function readPayloadCertificate(
  payload: Payload,
  { files }: VolumeSpec,
  trust: VolumeTrust | undefined,
): IssuedCertificateFacts | undefined {
  const certificate = payload.get(files.certificate);
  if (certificate === undefined || !payload.has(files.privateKey)) return undefined;
  try {
    const facts = inspectChain(certificate.toString(), payload.get(files.ca)?.toString());
    if (trust?.certificateSha256 !== facts.fingerprintSha256) return facts;
    return { ...facts, caFingerprintsSha256: trust.ownCaFingerprints };
  } catch {
    return undefined;
  }
}

/** Whether the pod has other addresses than the current certificate was requested with. */
export function isReaddressed({ issued, podValues }: Pick<VolumeRecord, 'issued' | 'podValues'>): boolean {
  return issued !== undefined && podValues?.['POD_IPS'] !== issued.podAddresses;
}

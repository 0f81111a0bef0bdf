import { renewalTime } from '@certfleet/shared/renewal-policy.ts';
import { inspectChain } from '../crypto/certificate-chain.ts';
import type { IssuedCertificate } from '../crypto/certificate-chain.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { Payload } from '../storage/payload.ts';
import type { IssuedFacts } from '../storage/volume-record.ts';

/** What the record keeps of a certificate. */
export type IssuedCertificateFacts = Pick<
  IssuedCertificate,
  'serialNumber' | 'fingerprintSha256' | 'notBefore' | 'notAfter' | 'caFingerprintsSha256'
>;

/** How and when a certificate came. */
export interface IssueCircumstances {
  readonly requestName: string | undefined;
  readonly issuedAt: Date;
  readonly renewBeforeMs: number | undefined;
}

/** The facts of a certificate as the record keeps them, with the time of its renewal. */
export function issuedFacts(
  { serialNumber, fingerprintSha256, notBefore, notAfter, caFingerprintsSha256 }: IssuedCertificateFacts,
  { requestName, issuedAt, renewBeforeMs }: IssueCircumstances,
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
  };
}

/** The certificate in a volume's files; undefined when there is none with its key, or none that can be read. */
export function readPayloadCertificate(payload: Payload, { files }: VolumeSpec): IssuedCertificateFacts | undefined {
  const certificate = payload.get(files.certificate);
  if (certificate === undefined || !payload.has(files.privateKey)) return undefined;
  try {
    return inspectChain(certificate.toString(), payload.get(files.ca)?.toString());
  } catch {
    return undefined;
  }
}

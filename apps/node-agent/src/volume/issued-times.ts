import type { CertificateTimes } from '@certfleet/fleet-model/certificate-times.ts';
import type { IssuedFacts } from '../storage/volume-record.ts';

/** The times of an issued certificate, in milliseconds since the epoch. */
export function issuedTimes({ notBefore, renewAt, notAfter }: IssuedFacts): CertificateTimes {
  return { notBeforeMs: notBefore.getTime(), renewAtMs: renewAt.getTime(), notAfterMs: notAfter.getTime() };
}

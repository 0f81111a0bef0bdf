import { volumeStatuses } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { fallbackRenewalAtMs, isOverdue } from '@certfleet/fleet-model/certificate-times.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/** The index of each status in `volumeStatuses`. */
export const statusRanks = Object.fromEntries(volumeStatuses.map((state, rank) => [state, rank])) as Readonly<
  Record<VolumeStatus, number>
>;

/**
 * The status that metrics, API, page and command line use. A renewal that waits in its lane is due even before
 * renew-at, because jitter, a window or an operator brought it forward.
 */
export function volumeStatus(
  { certificate, failure, deferredUntilMs }: IndexedVolume,
  nowMs: number,
  isStarted: boolean,
  isHeld: boolean,
): VolumeStatus {
  if (certificate !== undefined && certificate.notAfterMs <= nowMs) return 'expired';
  if (failure !== undefined) return 'failing';
  if (isStarted) return 'in-flight';
  if (certificate === undefined) return 'pending';
  if (certificate.renewAtMs <= nowMs) return isOverdue(certificate, nowMs, deferredUntilMs) ? 'overdue' : 'due';
  return isHeld ? 'due' : 'healthy';
}

/**
 * The next time, in milliseconds since the epoch, at which the status may change although nothing is reported: never
 * later than it changes. Infinity if it cannot.
 */
export function nextStatusMs({ certificate, deferredUntilMs }: IndexedVolume, nowMs: number): number {
  if (certificate === undefined || certificate.notAfterMs <= nowMs) return Infinity;
  if (certificate.renewAtMs > nowMs) return Math.min(certificate.renewAtMs, certificate.notAfterMs);
  // The deadline may have a fraction; the volume is overdue after it.
  const overdueMs = Math.floor(fallbackRenewalAtMs(certificate, deferredUntilMs)) + 1;
  return overdueMs > nowMs ? Math.min(overdueMs, certificate.notAfterMs) : certificate.notAfterMs;
}

import { volumeStates } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/operator-api/vocabulary.ts';
import { isOverdue } from '@certfleet/shared/certificate-times.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/** The place of each status in `volumeStates`. */
export const statusRanks = Object.fromEntries(volumeStates.map((state, rank) => [state, rank])) as Readonly<
  Record<VolumeStatus, number>
>;

/**
 * How a volume stands, in the one status that metrics, API, page and command line use. A renewal that a lane lets wait is
 * due even before renew-at: jitter, a window or a person brought it forward.
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

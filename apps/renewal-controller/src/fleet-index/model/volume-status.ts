import { volumeStates } from '@certfleet/fleet-model/vocabulary.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';
import { isOverdue } from '@certfleet/fleet-model/certificate-times.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/** The index of each status in `volumeStates`. */
export const statusRanks = Object.fromEntries(volumeStates.map((state, rank) => [state, rank])) as Readonly<
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

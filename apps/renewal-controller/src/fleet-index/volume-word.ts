import { volumeStates } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeWord } from '@certfleet/operator-api/vocabulary.ts';
import { isOverdue } from '@certfleet/shared/certificate-times.ts';
import type { VolumeState } from './volume-state.ts';

/** The place of each word in `volumeStates`. */
export const wordRanks = Object.fromEntries(volumeStates.map((state, rank) => [state, rank])) as Readonly<
  Record<VolumeWord, number>
>;

/**
 * How a volume stands, in the one word that metrics, API, page and command line use. A renewal that a lane lets wait is
 * due even before renew-at: jitter, a window or a person brought it forward.
 */
export function volumeWord(
  { certificate, failure, heldUntilMs }: VolumeState,
  nowMs: number,
  isStarted: boolean,
  isHeld: boolean,
): VolumeWord {
  if (certificate !== undefined && certificate.notAfterMs <= nowMs) return 'expired';
  if (failure !== undefined) return 'failing';
  if (isStarted) return 'in-flight';
  if (certificate === undefined) return 'pending';
  if (certificate.renewAtMs <= nowMs) return isOverdue(certificate, nowMs, heldUntilMs) ? 'overdue' : 'due';
  return isHeld ? 'due' : 'healthy';
}

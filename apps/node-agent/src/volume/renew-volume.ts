import type { Clock } from '@certfleet/shared/clock.ts';
import { timeoutSignal } from './timeout-signal.ts';
import type { Volume } from './volume.ts';
import type { Attempt, VolumeIssuance } from './volume-issuance.ts';

/** What a renewal is done with. */
export interface RenewVolumeParts {
  readonly issuance: VolumeIssuance;
  readonly clock: Clock;
  readonly issuanceTimeoutMs: number;
  /** Told how late a renewal was after its time, in milliseconds. */
  readonly observeLag: (lagMs: number) => void;
  readonly onChange: (volumeId: string) => void;
  /** Aborted when the agent stops. */
  readonly stopping: AbortSignal;
}

/** Why a volume is renewed, and what to do when the renewal needs its slot no more. */
export interface RenewalOrder {
  readonly cause: Attempt['cause'];
  readonly onSlotFree: () => void;
  readonly isRequestedByPerson?: boolean;
}

/**
 * How long a renewal keeps its slot after its request was made. Issuers that answer promptly are asked for few
 * certificates at once; one that does not holds up no other volume.
 */
const slotAfterRequestMs = 2_000;

/** One attempt to renew; the next is scheduled either way. */
/** One attempt to renew; the next is scheduled either way. */
export async function renewVolume(
  { issuance, clock, issuanceTimeoutMs, observeLag, onChange, stopping }: RenewVolumeParts,
  volume: Volume,
  { cause, onSlotFree, isRequestedByPerson = false }: RenewalOrder,
): Promise<void> {
  const dueAt = volume.record.issued?.renewAt;
  const abandoned = AbortSignal.any([stopping, volume.unpublished.signal]);
  using limit = timeoutSignal(clock, issuanceTimeoutMs, [abandoned]);
  let cancelSlotTimer: (() => void) | undefined;
  // A request that was waited for in vain before is likely to be so again.
  const keepSlotMs = volume.failedAttempts > 0 ? 0 : slotAfterRequestMs;
  const onRequested = (): void => {
    cancelSlotTimer?.();
    cancelSlotTimer = clock.schedule(keepSlotMs, onSlotFree);
  };
  try {
    await issuance.attempt(volume, { cause, isRequestedByPerson, signal: limit.signal, abandoned, onRequested });
    if (dueAt !== undefined) observeLag(clock.now() - dueAt.getTime());
  } finally {
    cancelSlotTimer?.();
    if (!volume.isRemoving && !abandoned.aborted && !volume.isScheduled) volume.postponed();
    onChange(volume.volumeId);
  }
}

/** Why a volume is renewed whose own deadline came. */
export function causeOfDeadline({ failedAttempts, record }: Volume): Attempt['cause'] {
  if (record.issued === undefined) return 'mount';
  return failedAttempts > 0 ? 'retry' : 'deadline';
}

import type { Clock } from '@certfleet/shared/clock.ts';
import { isReaddressed } from './issued-facts.ts';
import { timeoutSignal } from './timeout-signal.ts';
import type { Volume } from './volume.ts';
import type { Attempt, VolumeIssuance } from './volume-issuance.ts';

export interface RenewVolumeParts {
  readonly issuance: VolumeIssuance;
  readonly clock: Clock;
  readonly issuanceTimeoutMs: number;
  /** Receives the delay of a renewal after its renew-at, in milliseconds. */
  readonly observeLag: (lagMs: number) => void;
  readonly onChange: (volumeId: string) => void;
  /** Aborted when the agent stops. */
  readonly stopping: AbortSignal;
}

/**
 * Outcome of the order to replace a certificate. `requested`: the issuer has the request, and its answer is stored when
 * it comes; `too-soon`, `backing-off` and `deferred`: the volume's own schedule decides.
 */
export type RenewalOutcome =
  'renewed' | 'requested' | 'superseded' | 'too-soon' | 'backing-off' | 'deferred' | 'not-found';

export type DeferOutcome = 'deferred' | 'superseded' | 'not-found';

/** A renewal to carry out; `onSlotFree` is called when it no longer needs its slot. */
export interface RenewalOrder {
  readonly cause: Attempt['cause'];
  readonly onSlotFree: () => void;
  readonly isRequestedByPerson?: boolean;
}

/**
 * How long a renewal keeps its slot after its request was made. This limits the load on issuers that answer promptly; a
 * slow issuer delays no other volume.
 */
const slotAfterRequestMs = 2_000;

/** Makes one attempt to renew and schedules the next. */
export async function renewVolume(
  { issuance, clock, issuanceTimeoutMs, observeLag, onChange, stopping }: RenewVolumeParts,
  volume: Volume,
  { cause, onSlotFree, isRequestedByPerson = false }: RenewalOrder,
): Promise<void> {
  const dueAt = volume.record.issued?.renewAt;
  const abandoned = AbortSignal.any([stopping, volume.unpublished.signal]);
  using limit = timeoutSignal(clock, issuanceTimeoutMs, [abandoned]);
  let cancelSlotTimer: (() => void) | undefined;
  // An issuer that did not answer the last request is unlikely to answer this one soon.
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

/** Why a volume is renewed at its deadline. */
export function causeOfDeadline({ failedAttempts, record }: Volume): Attempt['cause'] {
  if (record.issued === undefined) return 'mount';
  if (failedAttempts > 0) return 'retry';
  return isReaddressed(record) ? 'address' : 'deadline';
}

/** Why an automatic renewal is refused; undefined if it is allowed. */
export function refusalOf({ attempts }: Volume): 'too-soon' | 'backing-off' | 'deferred' | undefined {
  if (attempts.isTooSoon) return 'too-soon';
  if (attempts.isBackingOff) return 'backing-off';
  return attempts.deferredForMs > 0 ? 'deferred' : undefined;
}

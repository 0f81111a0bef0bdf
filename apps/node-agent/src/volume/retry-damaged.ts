import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** Interval between attempts to restore damaged volumes. */
const restoreRetryMs = 60_000;

interface DamagedRetries {
  readonly damagedCount: number;
  readonly clock: Clock;
  /** Tries to restore the damaged volumes, and returns how many remain. */
  readonly retry: () => number;
}

/** Retries volumes that could not be restored: their files may be readable later, and their pods are running. */
export function retryDamaged({ damagedCount, clock, retry }: DamagedRetries): CancelTimer {
  let cancel: CancelTimer = () => undefined;
  let isStopped = false;
  const schedule = (count: number): void => {
    if (count === 0 || isStopped) return;
    cancel = clock.schedule(restoreRetryMs, () => {
      let remaining = count;
      try {
        remaining = retry();
      } catch {
        // The root cannot be read at the moment.
      }
      schedule(remaining);
    });
  };
  schedule(damagedCount);
  return () => {
    isStopped = true;
    cancel();
  };
}

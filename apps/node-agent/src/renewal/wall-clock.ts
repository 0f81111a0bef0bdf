import type { Clock } from '@certfleet/shared/clock.ts';

type Times = Pick<Clock, 'now' | 'monotonic'>;

/** Smaller changes of the wall clock are corrections by NTP. */
export const minClockStepMs = 60_000;

/** The wall clock minus the monotonic clock, in milliseconds. It changes when the wall clock is set. */
export const wallOffsetMs = (clock: Times): number => clock.now() - clock.monotonic();

/** Whether the wall clock was set between two offsets. */
export const isClockSet = (before: number, after: number): boolean => Math.abs(after - before) > minClockStepMs;

/** The wall clock at a failed attempt, in milliseconds. */
export interface FailureClock {
  readonly offsetMs: number;
  /** How many attempts failed after changes of the clock. */
  readonly changes: number;
  /** When the last of them failed, on the monotonic clock. */
  readonly changedAtMs: number;
}

/** The limit of the wait between two attempts that changes of the clock cause. */
const maxChangeWaitMs = 3_600_000;

/** @param previous that of the failure before; undefined for the first one */
export function failureClock(clock: Times, previous: FailureClock | undefined): FailureClock {
  const offsetMs = wallOffsetMs(clock);
  const { changes, changedAtMs } = previous ?? { changes: 0, changedAtMs: 0 };
  return previous === undefined || !isClockSet(previous.offsetMs, offsetMs)
    ? { offsetMs, changes, changedAtMs }
    : { offsetMs, changes: changes + 1, changedAtMs: clock.monotonic() };
}

/**
 * Whether the clock was set since the failure, so that another attempt makes sense: at once for the first change, later
 * for further ones, because a clock that is set back and forth must not cause a request each time.
 */
export function isClockCorrected(clock: Times, { offsetMs, changes, changedAtMs }: FailureClock): boolean {
  const waitMs = changes === 0 ? 0 : Math.min(maxChangeWaitMs, 60_000 * 4 ** Math.min(changes - 1, 10));
  return isClockSet(offsetMs, wallOffsetMs(clock)) && clock.monotonic() - changedAtMs >= waitMs;
}

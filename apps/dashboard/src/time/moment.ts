import type { Clock } from '@certfleet/shared/clock.ts';

type Times = Pick<Clock, 'now' | 'monotonic'>;

/** A point in time on both clocks of the browser. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export const momentOf = (clock: Times): Moment => ({ wallMs: clock.now(), monotonicMs: clock.monotonic() });

/**
 * The time since a moment: the longer one of both clocks. A monotonic clock may stop while the device sleeps, and the
 * wall clock can be set back; data must never seem younger than it is.
 */
export function elapsedMs(clock: Times, { wallMs, monotonicMs }: Moment): number {
  return Math.max(0, clock.now() - wallMs, clock.monotonic() - monotonicMs);
}

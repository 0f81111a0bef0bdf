import type { LivedIssuance } from '../support/living-volumes.ts';

/** What a lane was allowed. */
export interface LaneLimits {
  readonly ratePerSecond: number;
  readonly burst: number;
  readonly maxInFlight: number;
}

/** What its agents saw of a lane. */
export interface LaneSeen {
  /** The most issuances that were under way at one moment. */
  readonly maxAtOnce: number;
  /** The most that started within the window. */
  readonly maxWithinWindow: number;
}

/** Looks at one lane's issuances from the outside. */
export function laneSeen(issuances: readonly LivedIssuance[], windowMs: number): LaneSeen {
  const starts = issuances.map(({ startedMs }) => startedMs).sort((a, b) => a - b);
  let maxWithinWindow = 0;
  for (let from = 0, to = 0; to < starts.length; to += 1) {
    while ((starts[to] ?? 0) - (starts[from] ?? 0) > windowMs) from += 1;
    maxWithinWindow = Math.max(maxWithinWindow, to - from + 1);
  }
  const moments = issuances
    .flatMap(({ startedMs, endedMs }) => [
      { atMs: startedMs, change: 1 },
      { atMs: endedMs, change: -1 },
    ])
    // One that ends makes room for one that starts in the same millisecond.
    .sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let [atOnce, maxAtOnce] = [0, 0];
  for (const { change } of moments) {
    atOnce += change;
    maxAtOnce = Math.max(maxAtOnce, atOnce);
  }
  return { maxAtOnce, maxWithinWindow };
}

/**
 * The most that may start within a window: burst and rate, and what was let through before it and came to its agent
 * within `transitMs`.
 */
export function maxAllowed({ ratePerSecond, burst }: LaneLimits, windowMs: number, transitMs: number): number {
  return burst + Math.ceil((ratePerSecond * (windowMs + transitMs)) / 1000);
}

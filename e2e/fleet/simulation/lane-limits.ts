import type { LivedIssuance } from '../support/living-volumes.ts';

export interface LaneLimits {
  readonly ratePerSecond: number;
  readonly burst: number;
  readonly maxInFlight: number;
}

/** A lane's load as seen by the agents. */
export interface LaneSeen {
  /** The maximum of concurrent issuances. */
  readonly maxAtOnce: number;
  /** The maximum of starts within the window. */
  readonly maxWithinWindow: number;
}

/** Measures one lane's issuances. */
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
    // An issuance that ends frees its slot for one that starts in the same millisecond.
    .sort((a, b) => a.atMs - b.atMs || a.change - b.change);
  let [atOnce, maxAtOnce] = [0, 0];
  for (const { change } of moments) {
    atOnce += change;
    maxAtOnce = Math.max(maxAtOnce, atOnce);
  }
  return { maxAtOnce, maxWithinWindow };
}

/**
 * The maximum of starts within a window: burst and rate, plus renewals that were admitted before it and reached their
 * agents within `transitMs`.
 */
export function maxAllowed({ ratePerSecond, burst }: LaneLimits, windowMs: number, transitMs: number): number {
  return burst + Math.ceil((ratePerSecond * (windowMs + transitMs)) / 1000);
}

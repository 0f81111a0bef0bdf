/** A growing wait between tries, spread by jitter. Durations in milliseconds. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly factor: number;
  /** Part of each wait that is drawn at random on top of it: 0.5 adds up to half. */
  readonly jitter: number;
  readonly capMs: number;
}

/** The wait before try `attempt` + 1, where the first failed try is attempt 1; `random` gives numbers in [0, 1). */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number = Math.random): number {
  const grownMs = Math.min(policy.initialMs * policy.factor ** (attempt - 1), policy.capMs);
  return grownMs * (1 + policy.jitter * random());
}

/**
 * How to retry a failed renewal of a certificate with this much lifetime: a ten-second certificate is tried again within
 * fractions of a second, a ninety-day one within half a minute first and every five minutes at last.
 */
export function renewalBackoff(lifetimeMs: number): BackoffPolicy {
  const within = (low: number, value: number, high: number): number => Math.min(Math.max(value, low), high);
  return {
    initialMs: within(250, lifetimeMs / 40, 30_000),
    factor: 2,
    jitter: 0.5,
    capMs: within(1_000, lifetimeMs / 10, 300_000),
  };
}

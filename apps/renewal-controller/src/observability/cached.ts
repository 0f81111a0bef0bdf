import type { Clock } from '@certfleet/shared/clock.ts';

/** How long an answer is kept. */
export interface CacheLimits {
  readonly clock: Clock;
  /** At least so long, in milliseconds. */
  readonly forMs: number;
  /** And at least so many times as long as it took to make it, so that a slow answer does not become a load. */
  readonly timesItsCost: number;
}

/** The same answer for everybody who asks within a while; who asks while it is made waits for it. */
export function cached<T>({ clock, forMs, timesItsCost }: CacheLimits, load: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let goodUntilMs = -Infinity;
  return () => {
    const askedMs = clock.now();
    if (answer !== undefined && askedMs < goodUntilMs) return answer;
    goodUntilMs = Infinity;
    answer = load().finally(() => {
      const nowMs = clock.now();
      goodUntilMs = nowMs + Math.max(forMs, (nowMs - askedMs) * timesItsCost);
    });
    return answer;
  };
}

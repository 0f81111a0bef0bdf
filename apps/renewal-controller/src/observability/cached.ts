import type { Clock } from '@certfleet/shared/clock.ts';

/** Caches the result of `load` for `forMs`; callers share a pending load. */
export function cached<T>(clock: Clock, forMs: number, load: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let goodUntilMs = -Infinity;
  return () => {
    if (answer !== undefined && clock.now() < goodUntilMs) return answer;
    goodUntilMs = Infinity;
    answer = load().finally(() => (goodUntilMs = clock.now() + forMs));
    return answer;
  };
}

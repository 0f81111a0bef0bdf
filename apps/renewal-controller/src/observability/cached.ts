import type { Clock } from '@certfleet/shared/clock.ts';

/** The same answer for everybody who asks within `forMs` of the last; who asks while it is made waits for it. */
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

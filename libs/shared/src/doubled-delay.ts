/**
 * A delay that doubles with each attempt, without jitter.
 * @param firstMs the delay before the first repetition
 * @param repetitions how many there were before this one
 */
export function doubledDelayMs(firstMs: number, repetitions: number, maxMs: number): number {
  return Math.min(maxMs, firstMs * 2 ** repetitions);
}

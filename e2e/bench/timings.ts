/** How long each piece of a work took, and all of it, in milliseconds. */
export interface Timings {
  readonly wallMs: number;
  readonly eachMs: readonly number[];
}

/** Does the work `count` times, never more than `concurrency` at once, the next as soon as one is done. */
export async function timed(
  count: number,
  concurrency: number,
  work: (index: number) => Promise<void>,
): Promise<Timings> {
  const eachMs: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const startedMs = performance.now();
      await work(index);
      eachMs.push(performance.now() - startedMs);
    }
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
  return { wallMs: performance.now() - startedMs, eachMs };
}

/** The middle of the values; of an even number of them the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

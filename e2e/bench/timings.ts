/** Duration of each item and of all together, in milliseconds. */
export interface Timings {
  readonly wallMs: number;
  readonly eachMs: readonly number[];
}

/** Runs the work `count` times with at most `concurrency` at once. */
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

/** The median; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** The value below which that part of the sorted values is. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** The value below which that part of the samples lies (nearest rank). */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

/** Runs `work` on every item, at most `width` at a time; gives each one's time and the whole, in milliseconds. */
export async function timeAll<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<{ readonly wallMs: number; readonly eachMs: readonly number[] }> {
  const eachMs: number[] = [];
  const startedMs = performance.now();
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) {
      const itemStartedMs = performance.now();
      await work(item);
      eachMs.push(performance.now() - itemStartedMs);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return { wallMs: performance.now() - startedMs, eachMs };
}

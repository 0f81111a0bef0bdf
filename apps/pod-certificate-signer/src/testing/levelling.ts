const minuteMs = 60_000;

/**
 * How many refreshes begin in the busiest minute, in relation to the mean of the time over which the lane's jitter spreads
 * them: 1 if they are level.
 */
export function busiestMinute(refreshAtMs: readonly number[], spreadMs: number): number {
  const perMinute = new Map<number, number>();
  for (const atMs of refreshAtMs) {
    const minute = Math.floor(atMs / minuteMs);
    perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
  }
  const mean = refreshAtMs.length / Math.max(1, spreadMs / minuteMs);
  return perMinute.values().reduce((most, count) => Math.max(most, count), 0) / mean;
}

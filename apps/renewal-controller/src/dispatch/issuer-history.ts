import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** The renewals of one issuer that ended in one hour. */
interface IssuerHour {
  readonly fromMs: number;
  readonly renewed: number;
  readonly failed: number;
  readonly latency: Latency;
}

/** Durations of issuances: at most these many milliseconds; undefined if none is known. */
export interface Latency {
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

export interface IssuerHistory {
  readonly hours: readonly IssuerHour[];
  readonly latency: Latency;
}

const hourMs = 3_600_000;
const shortestMs = 10;
/** Upper bounds of durations. Two neighbours differ by the factor √2; the last one is beyond what an agent can report. */
const bounds = Array.from({ length: 60 }, (_, i) => Math.round(shortestMs * 2 ** (i / 2)));

/** Names of the counters in the hash of an hour, all of the same lane. */
const fieldsOf = (lane: string): readonly string[] => [
  `${lane}.r`,
  `${lane}.f`,
  ...bounds.map((_, i) => `${lane}.${i}`),
];

/** The counters of an attempt. @param durationMs 0 if the agent did not report it */
export function issuerCounters(lane: string, isSuccess: boolean, durationMs: number): readonly string[] {
  if (!isSuccess) return [`${lane}.f`];
  const bucket = bounds.findIndex((bound) => durationMs <= bound);
  return [`${lane}.r`, ...(durationMs > 0 ? [`${lane}.${bucket === -1 ? bounds.length - 1 : bucket}`] : [])];
}

/** The history of a lane's issuer: the last hours, ending with the current one. */
export async function readIssuerHistory(
  { redis, keys, nowMs }: { readonly redis: RedisClient; readonly keys: RedisKeys; readonly nowMs: number },
  lane: string,
  hours: number,
): Promise<IssuerHistory> {
  const current = Math.floor(nowMs / hourMs);
  const wanted = Array.from({ length: hours }, (_, i) => current - hours + 1 + i);
  const counts = await Promise.all(
    wanted.map(async (hour) => (await redis.hmget(keys.doneByIssuer(hour), ...fieldsOf(lane))).map(Number)),
  );
  const sums = bounds.map((_, i) => counts.reduce((sum, ofHour) => sum + (ofHour[i + 2] ?? 0), 0));
  return {
    hours: counts.map(([renewed = 0, failed = 0, ...buckets], i) => ({
      ...{ fromMs: (wanted[i] ?? 0) * hourMs, renewed, failed },
      latency: latencyOf(buckets),
    })),
    latency: latencyOf(sums),
  };
}

function latencyOf(buckets: readonly number[]): Latency {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  const boundOf = (share: number): number | undefined => {
    if (total === 0) return undefined;
    let seen = 0;
    return bounds[buckets.findIndex((count) => (seen += count) >= total * share)];
  };
  return { p50Ms: boundOf(0.5), p99Ms: boundOf(0.99) };
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import type { RedisClient } from '../../redis/create-redis.ts';
import { defineScript, serverTime } from '../../redis/lua-script.ts';
import type { RedisKeys } from '../../redis/redis-keys.ts';
import { isRedisUnavailable } from '../../redis/redis-unavailable.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';

/** Volumes of the fleet by the certificates of their CA. */
export interface CaCounts {
  /** All volumes, also those without a CA. */
  readonly volumes: number;
  /** By fingerprint; a volume counts for each certificate of its CA. */
  readonly cas: ReadonlyMap<string, number>;
}

/** The last counts of one hour. */
export interface CaHour extends CaCounts {
  readonly fromMs: number;
}

const hourMs = 3_600_000;
/** Hours that are kept, ending with the current one: a week. */
export const caHistoryHours = 168;
/** CAs of one hour that are kept, those with most volumes first: at most 4 KB an hour. */
const maxCas = 50;
/** The last counts of an hour are at most this old at its end. */
const everyMs = 5 * 60_000;

export function countCas(volumes: Iterable<IndexedVolume>): CaCounts {
  const cas = new Map<string, number>();
  let count = 0;
  for (const { certificate } of volumes) {
    count += 1;
    certificate?.caFingerprints.forEach((fingerprint, i, all) => {
      // A CA file may contain a certificate twice.
      if (all.indexOf(fingerprint) === i) cas.set(fingerprint, (cas.get(fingerprint) ?? 0) + 1);
    });
  }
  return { volumes: count, cas };
}

/** The CAs with their counts, those with most volumes first. */
export const largestFirst = (cas: CaCounts['cas']): readonly (readonly [fingerprint: string, count: number])[] =>
  [...cas].sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));

/**
 * Sets the counts of the current hour and removes hours that are not kept. The hour is that of the Redis server, so a
 * replica with a wrong clock removes nothing.
 */
const recordScript = defineScript({
  keys: ['history'],
  args: { counts: 'string' },
  prelude: [serverTime],
  body: `
local hour = math.floor(nowMs() / ${hourMs})
redis.call('HSET', history, string.format('%d', hour), counts)
for _, field in ipairs(redis.call('HKEYS', history)) do
  local at = tonumber(field)
  if not at or at > hour or at <= hour - ${caHistoryHours} then redis.call('HDEL', history, field) end
end
redis.call('PEXPIRE', history, ${caHistoryHours * hourMs})`,
});

/** Volumes by CA and hour of the past week, in Redis, so that every replica shows the same. */
export class CaHistory {
  readonly #redis: RedisClient;
  readonly #keys: Pick<RedisKeys, 'caHistory'>;

  constructor(redis: RedisClient, keys: Pick<RedisKeys, 'caHistory'>) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async record({ volumes, cas }: CaCounts): Promise<void> {
    const counts = JSON.stringify({ volumes, cas: Object.fromEntries(largestFirst(cas).slice(0, maxCas)) });
    await recordScript.run(this.#redis, { keys: { history: this.#keys.caHistory }, args: { counts } });
  }

  /** The hours with counts, earliest first. */
  async hours(): Promise<readonly CaHour[]> {
    const fields = await this.#redis.hgetall(this.#keys.caHistory);
    return Object.entries(fields)
      .flatMap(([hour, text]) => decoded(Number(hour) * hourMs, text) ?? [])
      .sort((a, b) => a.fromMs - b.fromMs);
  }
}

/** Undefined for counts of another release. */
function decoded(fromMs: number, text: string): CaHour | undefined {
  try {
    const { volumes, cas } = JSON.parse(text) as { readonly volumes: unknown; readonly cas: unknown };
    if (typeof volumes !== 'number' || typeof cas !== 'object' || cas === null) return undefined;
    const counts = Object.entries(cas).filter((each): each is [string, number] => typeof each[1] === 'number');
    return { fromMs, volumes, cas: new Map(counts) };
  } catch {
    return undefined;
  }
}

export interface CaHistoryParts {
  readonly history: Pick<CaHistory, 'record'>;
  readonly index: { readonly isCurrent: boolean; readonly view: { volumes(): Iterable<IndexedVolume> } };
  /** Learns the names of the CAs that are in use. Never rejects. */
  readonly learn?: (counts: CaCounts) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Records the volumes by CA every few minutes. Each replica does: all count the same, and the last counts of an hour remain. */
export function caHistoryWork({ history, index, learn, clock, log }: CaHistoryParts): RepeatedWork {
  return new RepeatedWork({
    work: async () => {
      const counts = index.isCurrent ? countCas(index.view.volumes()) : undefined;
      if (counts === undefined || counts.volumes === 0) return;
      await learn?.(counts);
      await history.record(counts);
    },
    pauseMs: everyMs,
    failure: 'volumes by CA not recorded, retrying',
    isReportedElsewhere: isRedisUnavailable,
    clock,
    log,
  });
}

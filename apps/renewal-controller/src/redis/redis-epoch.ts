import { randomUUID } from 'node:crypto';
import { luaScript } from './lua-script.ts';
import type { RedisClient } from './create-redis.ts';
import type { RedisKeys } from './redis-keys.ts';

/** Which acknowledged state Redis lost: all of it, or the writes of its last seconds. */
export type StateLoss = 'everything' | 'recent-writes';

/** How long Redis keeps the beat of a silent process, in milliseconds. */
const beatLifetimeMs = 3_600_000;

/**
 * Writes two marks: the epoch, which only a loss of everything removes, and the beat, which shows a loss of recent
 * writes.
 *
 * KEYS: epoch, beat of the process.
 * ARGV: epoch to set if there is none, beat, lifetime of the beat in ms.
 * Returns {epoch, 1 if the epoch is new else 0, the beat before}.
 */
const beatScript = luaScript(`
local epoch = redis.call('GET', KEYS[1])
local isNew = 0
if not epoch then
  redis.call('SET', KEYS[1], ARGV[1])
  epoch, isNew = ARGV[1], 1
end
local before = redis.call('GET', KEYS[2]) or '0'
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {epoch, isNew, before}`);

/**
 * Detects that Redis lost state: it was emptied, restarted without its files, or a replica without the last writes was
 * promoted. Each check writes, so that it also detects a Redis that refuses writes.
 */
export class RedisEpoch {
  readonly #redis: RedisClient;
  readonly #keys: Pick<RedisKeys, 'epoch' | 'beat'>;
  readonly #now: () => number;
  readonly #process = randomUUID();
  #epoch: string | undefined;
  #beat = 0;
  #beatAtMs = -Infinity;

  /** @param now monotonic time in milliseconds */
  constructor(redis: RedisClient, keys: Pick<RedisKeys, 'epoch' | 'beat'>, now: () => number) {
    this.#redis = redis;
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * Checks the marks and writes new ones.
   * @returns the loss since the last check; undefined if nothing was lost
   * @throws the client's error if Redis refuses writes
   */
  async beat(): Promise<StateLoss | undefined> {
    const next = this.#beat + 1;
    const keys = [this.#keys.epoch, this.#keys.beat(this.#process)];
    const answer = await beatScript.run(this.#redis, keys, [randomUUID(), next, beatLifetimeMs]);
    const [epoch, , before] = answer as [string, number, string];
    const known = this.#epoch;
    // An unacknowledged beat may have been written: a higher value than expected is not a loss.
    const isBehind = Number(before) < this.#beat && this.#now() - this.#beatAtMs < beatLifetimeMs / 2;
    this.#epoch = epoch;
    this.#beat = next;
    this.#beatAtMs = this.#now();
    if (known !== undefined && known !== epoch) return 'everything';
    return isBehind ? 'recent-writes' : undefined;
  }
}

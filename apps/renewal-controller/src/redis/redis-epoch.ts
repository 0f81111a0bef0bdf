import { randomUUID } from 'node:crypto';
import { luaScript } from './lua-script.ts';
import type { RedisClient } from './create-redis.ts';
import type { RedisKeys } from './redis-keys.ts';

/** What Redis lost of what it had acknowledged: all of it, or writes of its last seconds. */
export type StateLoss = 'everything' | 'recent-writes';

/** How long Redis remembers the beat of a process that is silent, in milliseconds. */
const beatLifetimeMs = 3_600_000;

/**
 * Leaves a mark for everything (the epoch, which nothing but a loss removes) and one for the last seconds (the beat).
 * KEYS epoch, beat of the process. ARGV new epoch, beat, lifetime of a beat in ms. Answers the epoch, whether it is new,
 * and the beat before.
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
 * Notices that Redis lost state: it was emptied, came back without its files, or a replica was promoted that had missed
 * the last writes. It is a write at each look, so it also finds a Redis that takes none.
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
   * Looks and marks.
   * @returns what was lost since the last look; undefined when nothing was
   * @throws the client's error while Redis takes no writes
   */
  async beat(): Promise<StateLoss | undefined> {
    const next = this.#beat + 1;
    const keys = [this.#keys.epoch, this.#keys.beat(this.#process)];
    const answer = await beatScript.run(this.#redis, keys, [randomUUID(), next, beatLifetimeMs]);
    const [epoch, , before] = answer as [string, number, string];
    const known = this.#epoch;
    // A beat that was never acknowledged may have been written all the same: more than expected is no loss.
    const isBehind = Number(before) < this.#beat && this.#now() - this.#beatAtMs < beatLifetimeMs / 2;
    this.#epoch = epoch;
    this.#beat = next;
    this.#beatAtMs = this.#now();
    if (known !== undefined && known !== epoch) return 'everything';
    return isBehind ? 'recent-writes' : undefined;
  }
}

import { randomUUID } from 'node:crypto';
import { defineScript } from './lua-script.ts';
import type { RedisClient } from './create-redis.ts';
import type { RedisKeys } from './redis-keys.ts';

/** Which acknowledged state Redis lost: all of it, or the writes of its last seconds. */
export type StateLoss = 'everything' | 'recent-writes';

/** How long Redis keeps the beat of a silent process, in milliseconds. */
const beatLifetimeMs = 3_600_000;

/**
 * Writes two marks: the epoch, which only a loss of everything removes, and the beat, which shows a loss of recent
 * writes. `firstEpoch` becomes the epoch if there is none. Returns {epoch, 1 if the epoch is new else 0, the beat before}.
 */
const beatScript = defineScript({
  keys: ['epoch', 'beat'],
  args: { firstEpoch: 'string', nextBeat: 'number', lifetimeMs: 'number' },
  body: `
local known = redis.call('GET', epoch)
local isNew = 0
if not known then
  redis.call('SET', epoch, firstEpoch)
  known, isNew = firstEpoch, 1
end
local before = redis.call('GET', beat) or '0'
redis.call('SET', beat, nextBeat, 'PX', lifetimeMs)
return {known, isNew, before}`,
});

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
    const keys = { epoch: this.#keys.epoch, beat: this.#keys.beat(this.#process) };
    const args = { firstEpoch: randomUUID(), nextBeat: next, lifetimeMs: beatLifetimeMs };
    const answer = await beatScript.run(this.#redis, { keys, args });
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

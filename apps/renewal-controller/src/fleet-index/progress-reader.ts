import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { waitsByNode, noProgress, startedByNode } from './renewal-progress.ts';
import type { RenewalProgress } from './renewal-progress.ts';

const everyMs = 1_000;
/** Holds read a second at most: when a whole fleet waits in its lanes, how it waits is looked at less often. */
const holdsPerMs = 5;
const scanCount = 1_000;

/** Reads which renewals are started and which wait, about once a second, at a cost that does not grow with the fleet. */
export class ProgressReader {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  #progress = noProgress;
  #readAtMs = -Infinity;
  #holdsAtMs = -Infinity;

  constructor(redis: RedisClient, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * What is new since the last call; undefined when it is not yet time to look again.
   * @param monotonicMs by which that time is measured
   */
  async read(nowMs: number, monotonicMs: number): Promise<RenewalProgress | undefined> {
    if (monotonicMs - this.#readAtMs < everyMs) return undefined;
    this.#readAtMs = monotonicMs;
    const started = startedByNode(await this.#redis.zrange(this.#keys.started, nowMs, '+inf', 'BYSCORE'));
    const waiting = await this.#redis.hlen(this.#keys.waits);
    const isHoldsTurn = monotonicMs - this.#holdsAtMs >= waiting / holdsPerMs;
    if (isHoldsTurn) this.#holdsAtMs = monotonicMs;
    const holds = isHoldsTurn ? waitsByNode(waiting === 0 ? [] : await this.#scanWaits()) : this.#progress.holds;
    return (this.#progress = { started, holds });
  }

  async #scanWaits(): Promise<readonly string[]> {
    const pairs: string[] = [];
    let cursor = '0';
    do {
      const [next, some] = await this.#redis.hscan(this.#keys.waits, cursor, 'COUNT', scanCount);
      cursor = next;
      pairs.push(...some);
    } while (cursor !== '0');
    return pairs;
  }
}

import type { RedisClient } from '../../redis/create-redis.ts';
import type { RedisKeys } from '../../redis/redis-keys.ts';
import { waitsByNode, noProgress, startedByNode } from '../model/renewal-progress.ts';
import type { RenewalProgress } from '../model/renewal-progress.ts';

const everyMs = 1_000;
/** Maximum number of waits read per millisecond: while many renewals wait, their reasons are read less often. */
const waitsPerMs = 5;
const scanCount = 1_000;

/** Reads the started and the waiting renewals about once a second, at a cost that does not grow with the fleet. */
export class ProgressReader {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  #progress = noProgress;
  #readAtMs = -Infinity;
  #waitsAtMs = -Infinity;

  constructor(redis: RedisClient, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Returns undefined if the interval has not elapsed.
   * @param monotonicMs the clock of the interval
   */
  async read(nowMs: number, monotonicMs: number): Promise<RenewalProgress | undefined> {
    if (monotonicMs - this.#readAtMs < everyMs) return undefined;
    this.#readAtMs = monotonicMs;
    const started = startedByNode(await this.#redis.zrange(this.#keys.started, nowMs, '+inf', 'BYSCORE'));
    const waiting = await this.#redis.hlen(this.#keys.waits);
    const isWaitsTurn = monotonicMs - this.#waitsAtMs >= waiting / waitsPerMs;
    if (isWaitsTurn) this.#waitsAtMs = monotonicMs;
    const holds = isWaitsTurn ? waitsByNode(waiting === 0 ? [] : await this.#scanWaits()) : this.#progress.holds;
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

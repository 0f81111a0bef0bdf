import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';

export interface CacheOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** In monotonic time. */
  readonly ttlMs: number;
  /** For how long after its TTL `load` may return a value while the refresh runs. */
  readonly staleMs?: number;
  /** Beyond this number the least recently used entry is evicted. */
  readonly maxEntries: number;
}

type Load<Value> = () => Promise<Value> | Value;

/** A bounded cache with a TTL: lru-cache with an injected clock. */
export class Cache<Value extends object | boolean | number> {
  readonly #entries: LRUCache<string, Value, Load<Value>>;
  readonly #staleMs: number;

  constructor({ clock, ttlMs, staleMs = 0, maxEntries }: CacheOptions) {
    this.#staleMs = staleMs;
    this.#entries = new LRUCache({
      max: maxEntries,
      ttl: lruTtl(ttlMs),
      // By default lru-cache reuses the time for 1 ms by a timer of the system's clock.
      ttlResolution: 0,
      // lru-cache takes an entry set at 0 for one without a TTL.
      perf: { now: () => clock.monotonic() + 1 },
      fetchMethod: (_key, _stale, { context }) => Promise.try(context),
      // Eviction and `clear` do not fail the callers that wait for the value.
      ignoreFetchAbort: true,
    });
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value, ttlMs?: number): void {
    this.#entries.set(key, value, ttlMs === undefined ? {} : { ttl: lruTtl(ttlMs) });
  }

  /**
   * Returns the value of a key, loaded if needed; callers share a pending load. A failure is reported to all waiting
   * callers and not cached.
   */
  load(key: string, load: Load<Value>): Promise<Value> {
    const allowStale = this.#entries.getRemainingTTL(key) + this.#staleMs > 0;
    return this.#entries.forceFetch(key, { context: load, allowStale });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Also prevents that pending loads are cached. */
  clear(): void {
    this.#entries.clear();
  }
}

/** lru-cache keeps an entry until its age exceeds the TTL, this cache until its age reaches it. */
function lruTtl(ttlMs: number): number {
  return ttlMs - 1;
}

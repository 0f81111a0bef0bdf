import type { Clock } from '@certfleet/shared/clock.ts';

export interface TtlCacheOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly ttlMs: number;
  /** Beyond this number the oldest entry is evicted. */
  readonly maxEntries: number;
}

interface Entry<Value> {
  readonly value: Value;
  readonly expiresMs: number;
}

/** A bounded cache with a TTL in monotonic time. */
export class TtlCache<Value> {
  readonly #options: TtlCacheOptions;
  /** In insertion order. */
  readonly #entries = new Map<string, Entry<Value>>();

  constructor(options: TtlCacheOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresMs > this.#options.clock.monotonic()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: Value, ttlMs = this.#options.ttlMs): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, expiresMs: this.#options.clock.monotonic() + ttlMs });
    if (this.#entries.size <= this.#options.maxEntries) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { ChangeFeed } from '../live/change-feed.ts';

interface Kept<Value> {
  readonly atMs: number;
  readonly value: Promise<Value>;
  /** The pending refresh. */
  next?: Promise<Value>;
}

const freshMs = 1_000;
const staleMs = 2_000;
const maxKept = 64;

/**
 * A cache for frequent polling: each value is refreshed at most once per second, and never concurrently. A value up to
 * two seconds old is returned while its refresh runs, so that regular polling never waits.
 */
export class SecondCache<Value> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept<Value>>();

  /** @param feed its events clear the cache, so that a request after an event gets current data */
  constructor(clock: Clock, feed: Pick<ChangeFeed, 'onEvent'>) {
    this.#clock = clock;
    feed.onEvent(() => this.clear());
  }

  /** Returns the value of a key, refreshed if needed. A failure is reported to all waiting callers and not cached. */
  get(key: string, make: () => Promise<Value> | Value): Promise<Value> {
    const kept = this.#kept.get(key);
    const ageMs = this.#clock.now() - (kept?.atMs ?? -Infinity);
    if (kept === undefined || ageMs < 0 || ageMs >= staleMs) return this.#keep(key, Promise.try(make));
    if (ageMs >= freshMs && kept.next === undefined) {
      const next = (kept.next = Promise.try(make));
      // Cache the value unless an event has cleared the cache in the meantime.
      next.then(
        () => {
          if (this.#kept.get(key) === kept) void this.#keep(key, next);
        },
        () => this.#forget(key, kept.value),
      );
    }
    return kept.value;
  }

  #keep(key: string, value: Promise<Value>): Promise<Value> {
    this.#kept.delete(key);
    this.#kept.set(key, { atMs: this.#clock.now(), value });
    value.catch(() => this.#forget(key, value));
    this.#letGoOfOldest();
    return value;
  }

  clear(): void {
    this.#kept.clear();
  }

  #forget(key: string, value: Promise<Value>): void {
    if (this.#kept.get(key)?.value === value) this.#kept.delete(key);
  }

  #letGoOfOldest(): void {
    if (this.#kept.size <= maxKept) return;
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key);
      return;
    }
  }
}

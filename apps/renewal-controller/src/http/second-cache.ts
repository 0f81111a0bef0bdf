import type { Clock } from '@certfleet/shared/clock.ts';
import type { ChangeFeed } from './change-feed.ts';

interface Kept<Value> {
  readonly atMs: number;
  readonly value: Promise<Value>;
  /** The next answer, while it is made. */
  next?: Promise<Value>;
}

const freshMs = 1_000;
const staleMs = 2_000;
const maxKept = 64;

/**
 * Answers that many pollers share: each is made at most once a second, and never twice at once. One that is not fresh any
 * more is still given until it is two seconds old, while the next is made: nobody who asks all the time waits.
 */
export class SecondCache<Value> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept<Value>>();

  /** @param feed whose events empty it: who asks because of one gets what is now */
  constructor(clock: Clock, feed: Pick<ChangeFeed, 'onEvent'>) {
    this.#clock = clock;
    feed.onEvent(() => this.clear());
  }

  /** The answer of a key, made now unless there is one; a failure is told to all who wait for it and not kept. */
  get(key: string, make: () => Promise<Value> | Value): Promise<Value> {
    const kept = this.#kept.get(key);
    const ageMs = this.#clock.now() - (kept?.atMs ?? -Infinity);
    if (kept === undefined || ageMs < 0 || ageMs >= staleMs) return this.#keep(key, Promise.try(make));
    if (ageMs >= freshMs && kept.next === undefined) {
      const next = (kept.next = Promise.try(make));
      // Kept once it is there, unless an event has come meanwhile.
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

  /** What was answered is not so any more. */
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

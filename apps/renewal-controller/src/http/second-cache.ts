import type { Clock } from '@certfleet/shared/clock.ts';
import type { ChangeFeed } from './change-feed.ts';

interface Kept<Value> {
  readonly atMs: number;
  readonly value: Promise<Value>;
}

const freshMs = 1_000;
const mostKept = 64;

/** Answers that many pollers share: each is made at most once a second, and never twice at once. */
export class SecondCache<Value> {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept<Value>>();

  /** @param feed whose events empty it: who asks because of one gets what is now */
  constructor(clock: Clock, feed: Pick<ChangeFeed, 'onEvent'>) {
    this.#clock = clock;
    feed.onEvent(() => this.clear());
  }

  /** The answer of a key, made now unless one is fresh; a failure is told to all who wait for it and not kept. */
  get(key: string, make: () => Promise<Value> | Value): Promise<Value> {
    const nowMs = this.#clock.now();
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMs - kept.atMs >= 0 && nowMs - kept.atMs < freshMs) return kept.value;
    const value = Promise.try(make);
    this.#kept.delete(key);
    this.#kept.set(key, { atMs: nowMs, value });
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
    if (this.#kept.size <= mostKept) return;
    for (const key of this.#kept.keys()) {
      this.#kept.delete(key);
      return;
    }
  }
}

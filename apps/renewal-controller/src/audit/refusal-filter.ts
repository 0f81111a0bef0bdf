import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';

/** Whether to record a refusal, and how many were left out since the last recorded one. */
export type RefusalVerdict = { readonly isWritten: false } | { readonly isWritten: true; readonly omitted: number };

const windowMs = 60_000;
/** Maximum entries per window: per caller and action, and per caller. */
const maxOfKind = 1;
const maxOfCaller = 5;
/** Maximum entries per window in total. */
const maxEntries = 30;
const maxKinds = 2_048;

/** Rate-limits refusals, so that no caller can fill the audit log with them. Counts those left out. */
export class RefusalFilter {
  readonly #clock: Clock;
  readonly #kinds: Cache<{ count: number }>;
  #windowEndsMs = -Infinity;
  #written = 0;
  /** Refusals left out since the last recorded one. */
  #omitted = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#kinds = new Cache({ clock, ttlMs: windowMs, maxEntries: maxKinds });
  }

  refused(caller: string, kind: string): RefusalVerdict {
    const nowMs = this.#clock.monotonic();
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + windowMs;
      this.#written = 0;
    }
    const isTooMany = this.#count(`kind ${kind}`) > maxOfKind || this.#count(`caller ${caller}`) > maxOfCaller;
    if (isTooMany || this.#written >= maxEntries) {
      this.#omitted += 1;
      return { isWritten: false };
    }
    this.#written += 1;
    const omitted = this.#omitted;
    this.#omitted = 0;
    return { isWritten: true, omitted };
  }

  /** @returns the number of refusals of this key in its window, including this one */
  #count(key: string): number {
    const known = this.#kinds.get(key) ?? { count: 0 };
    if (known.count === 0) this.#kinds.set(key, known);
    return (known.count += 1);
  }
}

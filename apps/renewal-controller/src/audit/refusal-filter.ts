import type { Clock } from '@certfleet/shared/clock.ts';
import { TtlCache } from '../identity/ttl-cache.ts';

/** Whether a refusal gets an entry, and how many like it had none since the last. */
export type RefusalVerdict = { readonly isWritten: false } | { readonly isWritten: true; readonly omitted: number };

const windowMs = 60_000;
/** Entries of one caller for one thing in a window, and for all things. */
const maxOfKind = 1;
const maxOfCaller = 5;
/** Entries of all kinds in a window. */
const maxEntries = 30;
const maxKinds = 2_048;

/** Thins out refusals, so that nobody can fill the audit by being refused; what was left out is counted. */
export class RefusalFilter {
  readonly #clock: Clock;
  readonly #kinds: TtlCache<{ count: number }>;
  #windowEndsMs = -Infinity;
  #written = 0;
  /** Since the last entry, of any kind. */
  #omitted = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#kinds = new TtlCache({ clock, ttlMs: windowMs, maxEntries: maxKinds });
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

  /** @returns how many there were of it in its window, this one included */
  #count(key: string): number {
    const known = this.#kinds.get(key) ?? { count: 0 };
    if (known.count === 0) this.#kinds.set(key, known);
    return (known.count += 1);
  }
}

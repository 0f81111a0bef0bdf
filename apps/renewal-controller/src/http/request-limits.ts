import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { TtlCache } from '../identity/ttl-cache.ts';

/** How many requests are taken. */
export interface RequestLimitsOptions {
  readonly clock: Clock;
  /** Of one user in a minute; 0 for no limit. */
  readonly perMinute: number;
}

const windowMs = 60_000;
/** What nobody was known to have sent, of one address: several people may share it. */
const sourceFactor = 10;
const maxKeys = 10_000;

/**
 * Requests by address before anybody is identified, and by user afterwards. What a known user sends is not counted for
 * the address: neither do its users use up what strangers may send from there, nor strangers what they may.
 */
export class RequestLimits {
  readonly #sources: WindowLimit;
  readonly #users: WindowLimit;

  constructor({ clock, perMinute }: RequestLimitsOptions) {
    this.#sources = new WindowLimit(clock, perMinute * sourceFactor);
    this.#users = new WindowLimit(clock, perMinute);
  }

  /** A request came in, of nobody who is known. @throws CertfleetError resource-exhausted */
  arrived(source: string): void {
    this.#sources.take(source);
  }

  /** Its sender was identified. @throws CertfleetError resource-exhausted */
  identified(source: string | undefined, user: string): void {
    if (source !== undefined) this.#sources.giveBack(source);
    this.#users.take(user);
  }
}

/** Counts by key in windows of a minute, each of which begins with the first request in it. */
class WindowLimit {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #windows: TtlCache<{ readonly endsMs: number; count: number }>;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
    this.#windows = new TtlCache({ clock, ttlMs: windowMs, maxEntries: maxKeys });
  }

  take(key: string): void {
    if (this.#max === 0) return;
    let window = this.#windows.get(key);
    if (window === undefined) {
      window = { endsMs: this.#clock.monotonic() + windowMs, count: 0 };
      this.#windows.set(key, window);
    }
    if (window.count >= this.#max) {
      const retryAfterMs = window.endsMs - this.#clock.monotonic();
      const seconds = Math.ceil(retryAfterMs / 1000);
      throw new CertfleetError('resource-exhausted', `expected fewer requests; try again in ${seconds} seconds`, {
        reason: 'TooManyRequests',
        retryAfterMs,
      });
    }
    window.count += 1;
  }

  giveBack(key: string): void {
    const window = this.#windows.get(key);
    if (window !== undefined && window.count > 0) window.count -= 1;
  }
}

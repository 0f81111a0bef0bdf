import { Cache } from '@certfleet/shared/cache.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

export interface RequestLimitsOptions {
  readonly clock: Clock;
  /** Per user; 0 for no limit. */
  readonly perMinute: number;
}

const windowMs = 60_000;
/** The limit of an address in relation to that of a user, because several people may share it. */
const sourceFactor = 10;
const maxKeys = 10_000;

/**
 * Rate limits: by address before authentication, by user afterwards. Requests of known users do not count against their
 * address, so neither group can use up the limit of the other.
 */
export class RequestLimits {
  readonly #sources: WindowLimit;
  readonly #users: WindowLimit;

  constructor({ clock, perMinute }: RequestLimitsOptions) {
    this.#sources = new WindowLimit(clock, perMinute * sourceFactor);
    this.#users = new WindowLimit(clock, perMinute);
  }

  /**
   * Counts a request of an unknown caller.
   * @throws CertfleetError resource-exhausted
   */
  arrived(source: string): void {
    this.#sources.take(source);
  }

  /**
   * Counts a request of an authenticated user.
   * @throws CertfleetError resource-exhausted
   */
  identified(source: string | undefined, user: string): void {
    if (source !== undefined) this.#sources.giveBack(source);
    this.#users.take(user);
  }
}

/** Counts by key in windows of one minute that begin with the first request. */
class WindowLimit {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #windows: Cache<{ readonly endsMs: number; count: number }>;

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
    this.#windows = new Cache({ clock, ttlMs: windowMs, maxEntries: maxKeys });
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
      throw new CertfleetError('resource-exhausted', `too many requests; try again in ${seconds} seconds`, {
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

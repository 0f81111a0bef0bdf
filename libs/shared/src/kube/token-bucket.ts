import type { Clock } from '../clock.ts';

/** How fast a bucket fills, and how much it holds. */
export interface TokenBucketOptions {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket that starts full. It holds no timer: time is read when a token is asked for. */
export class TokenBucket {
  readonly #options: TokenBucketOptions;
  readonly #clock: Clock;
  #tokens: number;
  #readAt: number;

  constructor(options: TokenBucketOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#tokens = options.burst;
    this.#readAt = clock.monotonic();
  }

  /** Takes a token when there is one. */
  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes a token in advance; the milliseconds to wait until it is there. Callers are served in the order they ask. */
  reserve(): number {
    this.#fill();
    this.#tokens -= 1;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#options.perSecond) * 1000;
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    const elapsedMs = now - this.#readAt;
    this.#readAt = now;
    this.#tokens = Math.min(this.#options.burst, this.#tokens + (elapsedMs / 1000) * this.#options.perSecond);
  }
}

import type { Clock } from '../clock.ts';

export interface TokenBucketOptions {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket that starts full. It needs no timer: the time is read with each request. */
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

  tryTake(): boolean {
    this.#fill();
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Reserves the next token and returns the milliseconds until it is available. Callers are served in order. */
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

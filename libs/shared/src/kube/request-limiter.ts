import { delay } from '../clock.ts';
import type { Clock } from '../clock.ts';

import { TokenBucket } from './token-bucket.ts';

/** Limits of the requests to the API server; `qps` and `burst` of 0 mean no rate limit. */
export interface RequestLimits {
  readonly maxInFlight: number;
  readonly qps: number;
  readonly burst: number;
}

/** Limits the requests in flight, first come first served, and optionally the request rate. */
export class RequestLimiter {
  readonly #maxInFlight: number;
  readonly #bucket: TokenBucket | undefined;
  readonly #clock: Clock;
  /** A Set keeps the order of arrival and allows removal from the middle. */
  readonly #waiting = new Set<() => void>();
  #inFlight = 0;

  constructor(limits: RequestLimits, clock: Clock) {
    this.#maxInFlight = limits.maxInFlight;
    this.#clock = clock;
    if (limits.qps > 0) {
      this.#bucket = new TokenBucket({ perSecond: limits.qps, burst: Math.max(1, limits.burst) }, clock);
    }
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs the work when a slot is free.
   * @throws what the work throws, or the signal's reason when it is aborted while waiting
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    const waitMs = this.#bucket?.reserve() ?? 0;
    if (waitMs > 0) await delay(this.#clock, waitMs, signal);
    if (this.#inFlight < this.#maxInFlight) this.#inFlight += 1;
    else await this.#turn(signal);
    try {
      return await work();
    } finally {
      this.#release();
    }
  }

  /** Resolves when a finished request passes on its slot; the count in flight stays the same. */
  #turn(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(signal?.reason as Error);
      };
      this.#waiting.add(enter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#inFlight -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

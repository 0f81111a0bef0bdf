import type { CancelTimer, Clock } from '../../clock.ts';

/** Delays from this length on are timeouts, which a test triggers by hand; shorter ones are pauses. */
const deadlineMs = 10_000;

/** A clock for tests with real sockets: pauses end at once and are recorded, timeouts only when a test expires them. */
export class ImpatientClock implements Clock {
  /** The recorded pauses in milliseconds. */
  readonly pauses: number[] = [];
  readonly #deadlines = new Map<() => void, number>();
  #elapsedMs = 0;

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** The number of pending timeouts. */
  get deadlines(): number {
    return this.#deadlines.size;
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    if (delayMs >= deadlineMs) {
      const deadline = (): void => callback();
      this.#deadlines.set(deadline, delayMs);
      return () => this.#deadlines.delete(deadline);
    }
    const timer = setImmediate(() => {
      this.pauses.push(delayMs);
      this.#elapsedMs += delayMs;
      callback();
    });
    return () => clearImmediate(timer);
  }

  /** Expires every timeout of at most that length. */
  expire(maxMs = Number.POSITIVE_INFINITY): void {
    for (const [deadline, delayMs] of this.#deadlines) {
      if (delayMs > maxMs) continue;
      this.#deadlines.delete(deadline);
      deadline();
    }
  }
}

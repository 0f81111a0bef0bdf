import type { CancelTimer, Clock } from '../../clock.ts';

/** Delays from here on are deadlines, which a test lets pass by hand; shorter ones are pauses. */
const deadlineMs = 10_000;

/** A clock for tests with real sockets: pauses pass at once and are noted, deadlines only when a test says so. */
export class ImpatientClock implements Clock {
  /** The pauses asked for, in milliseconds. */
  readonly pauses: number[] = [];
  readonly #deadlines = new Map<() => void, number>();
  #elapsedMs = 0;

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  /** How many deadlines are armed. */
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

  /** Lets every deadline of at most that long pass. */
  expire(maxMs = Number.POSITIVE_INFINITY): void {
    for (const [deadline, delayMs] of this.#deadlines) {
      if (delayMs > maxMs) continue;
      this.#deadlines.delete(deadline);
      deadline();
    }
  }
}

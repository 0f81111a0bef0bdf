import type { CancelTimer, Clock } from './clock.ts';

/** A clock for tests that stands still until it is told to go on. */
export class ManualClock implements Clock {
  /** Monotonic time; timers run on it. */
  #monotonicMs = 0;
  /** Wall time less monotonic time. */
  #wallOffsetMs: number;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  constructor(startMs = 0) {
    this.#wallOffsetMs = startMs;
  }

  now(): number {
    return this.#monotonicMs + this.#wallOffsetMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  /** Steps wall time alone, as an operator or NTP does; no timer fires. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** How many timers are armed. */
  get timers(): number {
    return this.#timers.size;
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves the time on, firing what falls due on the way in its order, timers armed by fired ones included. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#monotonicMs + byMs;
    for (;;) {
      const next = [...this.#timers].filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#monotonicMs = next.atMs;
      next.callback();
      await settle();
    }
    this.#monotonicMs = untilMs;
    await settle();
  }
}

/** Lets promise reactions run: one turn of the event loop empties the whole microtask queue. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

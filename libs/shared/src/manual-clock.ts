import type { CancelTimer, Clock } from './clock.ts';

/** A clock for tests that advances only when told to. */
export class ManualClock implements Clock {
  #monotonicMs = 0;
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

  /** Steps wall time only, as an operator or NTP does; no timer fires. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** The number of pending timers. */
  get timers(): number {
    return this.#timers.size;
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    const timer = { atMs: this.#monotonicMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Advances the time and fires due timers in order, including those that fired timers add. */
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

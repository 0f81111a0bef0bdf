import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

const everyMs = 1000;

/** One beat a second for all relative times on the page; none while nobody listens. */
export class Ticker {
  readonly #clock: Clock;
  readonly #listeners = new Set<(nowMs: number) => void>();
  #cancel: CancelTimer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  /** @returns what ends it */
  listen(listener: (nowMs: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#cancel === undefined) this.#arm();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#cancel?.();
      this.#cancel = undefined;
    };
  }

  #arm(): void {
    // On the full second, so that all of them turn at once.
    this.#cancel = this.#clock.schedule(everyMs - (this.#clock.now() % everyMs), () => {
      this.#arm();
      for (const listener of this.#listeners) listener(this.#clock.now());
    });
  }
}

import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import type { ServerClock } from './server-clock.ts';

const everyMs = 1000;

/** One tick per second for all relative times on the page; no timer without listeners. */
export class Ticker {
  readonly #clock: Clock;
  readonly #serverClock: Pick<ServerClock, 'now'>;
  readonly #listeners = new Set<(nowMs: number) => void>();
  #cancel: CancelTimer | undefined;

  constructor(clock: Clock, serverClock: Pick<ServerClock, 'now'>) {
    this.#clock = clock;
    this.#serverClock = serverClock;
  }

  /** The time of the controller. */
  now(): number {
    return this.#serverClock.now();
  }

  /** @returns a function that removes the listener */
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
    // On the full second, so that all of them change together.
    this.#cancel = this.#clock.schedule(everyMs - (this.now() % everyMs), () => {
      this.#arm();
      for (const listener of this.#listeners) listener(this.now());
    });
  }
}

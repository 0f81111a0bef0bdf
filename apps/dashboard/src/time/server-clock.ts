import type { Clock } from '@certfleet/shared/clock.ts';
import { Store } from '../app/store.ts';
import { elapsedMs, momentOf } from './moment.ts';
import type { Moment } from './moment.ts';

/** A smaller difference is not reported: it may be the duration of a request. */
const reportedSkewMs = 30_000;

/** The time of the controller, estimated from its responses, because the browser's clock may be wrong. */
export class ServerClock {
  /** How far the browser's clock is ahead of the controller's; 0 unless it is noticeable. */
  readonly skewMs = new Store(0);
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  #known: { readonly serverMs: number; readonly at: Moment } | undefined;

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock;
  }

  /** Milliseconds since the Unix epoch. The browser's time until the first response. */
  now(): number {
    if (this.#known === undefined) return this.#clock.now();
    return this.#known.serverMs + elapsedMs(this.#clock, this.#known.at);
  }

  /** @param serverMs the time of the controller between the start of a request and now */
  heard(serverMs: number, startedAt: Moment): void {
    const tookMs = elapsedMs(this.#clock, startedAt);
    this.#known = { serverMs: serverMs + tookMs / 2, at: momentOf(this.#clock) };
    const skewMs = this.#clock.now() - this.#known.serverMs;
    this.skewMs.set(Math.abs(skewMs) - tookMs < reportedSkewMs ? 0 : Math.round(skewMs / 1000) * 1000);
  }
}

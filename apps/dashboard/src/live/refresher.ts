import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

export interface RefresherOptions {
  readonly clock: Clock;
  /** Loads again; never rejects. */
  readonly refresh: () => Promise<void>;
  /** Minimum time between the starts of two refreshes. */
  readonly atMostEveryMs: number;
  /** Refreshes without a request after this time: a volume becomes due or expires without an event. */
  readonly atLeastEveryMs: number;
}

/** Combines any number of refresh requests into a limited number of refreshes, never two at once. */
export class Refresher {
  readonly #options: RefresherOptions;
  #lastStartMs = -Infinity;
  #isRunning = false;
  #isWanted = false;
  #isStopped = false;
  #cancel: CancelTimer | undefined;

  constructor(options: RefresherOptions) {
    this.#options = options;
  }

  /** Refreshes as soon as allowed; during a refresh, once more after it. */
  request(): void {
    if (this.#isStopped) return;
    this.#isWanted = true;
    if (!this.#isRunning) this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    const { clock, atMostEveryMs, atLeastEveryMs } = this.#options;
    this.#cancel?.();
    const waitMs = this.#lastStartMs + (this.#isWanted ? atMostEveryMs : atLeastEveryMs) - clock.now();
    if (waitMs <= 0) void this.#run();
    else this.#cancel = clock.schedule(waitMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#cancel = undefined;
    this.#lastStartMs = this.#options.clock.now();
    this.#isWanted = false;
    this.#isRunning = true;
    await this.#options.refresh();
    this.#isRunning = false;
    if (!this.#isStopped) this.#arm();
  }
}

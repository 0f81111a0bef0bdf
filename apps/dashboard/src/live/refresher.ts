import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** How something is kept fresh. */
export interface RefresherOptions {
  readonly clock: Clock;
  /** Asks again; never rejects. */
  readonly refresh: () => Promise<void>;
  /** Least time between the starts of two refreshes. */
  readonly atMostEveryMs: number;
  /** Refreshes without being asked after so long: a volume falls due or expires without any event. */
  readonly atLeastEveryMs: number;
}

/** Turns any number of wishes to refresh into a bounded number of refreshes, never two at once. */
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

  /** Refreshes as soon as may be; while one runs, once more after it. */
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

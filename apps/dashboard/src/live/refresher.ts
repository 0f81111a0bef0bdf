import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

export interface RefresherOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'schedule'>;
  /** Loads again; never rejects. Resolves to whether it succeeded. */
  readonly refresh: () => Promise<boolean>;
  /** Minimum time between the starts of two refreshes. */
  readonly atMostEveryMs: number;
  /** Refreshes without a request after this time: a volume becomes due or expires without an event. */
  readonly atLeastEveryMs: number;
}

/** Interval of the refreshes after a failed one. */
const retryMs = 3_000;

/** Combines any number of refresh requests into a limited number of refreshes, never two at once. */
export class Refresher {
  readonly #options: RefresherOptions;
  #lastStartMs = -Infinity;
  #hasFailed = false;
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

  get #intervalMs(): number {
    const { atMostEveryMs, atLeastEveryMs } = this.#options;
    if (this.#isWanted) return atMostEveryMs;
    return this.#hasFailed ? Math.min(retryMs, atLeastEveryMs) : atLeastEveryMs;
  }

  #arm(): void {
    const { clock } = this.#options;
    this.#cancel?.();
    const waitMs = this.#lastStartMs + this.#intervalMs - clock.monotonic();
    if (waitMs <= 0) void this.#run();
    else this.#cancel = clock.schedule(waitMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#cancel = undefined;
    this.#lastStartMs = this.#options.clock.monotonic();
    this.#isWanted = false;
    this.#isRunning = true;
    this.#hasFailed = !(await this.#options.refresh());
    this.#isRunning = false;
    if (!this.#isStopped) this.#arm();
  }
}

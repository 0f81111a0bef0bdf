import type { CancelTimer, Clock } from './clock.ts';
import { asCertfleetError } from './errors.ts';
import type { Logger } from './logger.ts';

export interface RepeatedWorkParts {
  /** May reject: the next run repeats it. */
  readonly work: () => Promise<void>;
  /** Pause between the end of a run and the next one. */
  readonly pauseMs: number;
  /** The log message of a failure. */
  readonly failure: string;
  /** Whether others log a failure, such as a connection that is lost. */
  readonly isReportedElsewhere?: (thrown: unknown) => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Work that is repeated until it is stopped, one run at a time. Each kind of failure is logged once. */
export class RepeatedWork {
  readonly #parts: RepeatedWorkParts;
  #cancelTimer: CancelTimer | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #lastError = '';

  constructor(parts: RepeatedWorkParts) {
    this.#parts = parts;
  }

  /** Starts the runs; the first one comes after the pause. */
  start(): void {
    if (this.#isStopped) return;
    const { clock, pauseMs } = this.#parts;
    this.#cancelTimer = clock.schedule(pauseMs, () => void this.run().then(() => this.start()));
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Waits for the run in progress. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#running;
  }

  /** Runs once more, after the run in progress; never rejects. */
  async run(): Promise<void> {
    this.#running = this.#running.then(() => this.#runOnce());
    await this.#running;
  }

  async #runOnce(): Promise<void> {
    if (this.#isStopped) return;
    const { work, failure, isReportedElsewhere, log } = this.#parts;
    try {
      await work();
      this.#lastError = '';
    } catch (thrown) {
      if (isReportedElsewhere?.(thrown) === true) return;
      const { message } = asCertfleetError(thrown);
      if (message !== this.#lastError) log.warn({ error: message }, failure);
      this.#lastError = message;
    }
  }
}

import type { Clock } from '@certfleet/shared/clock.ts';
import { messageOf } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

export interface StopStackOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Time limits of one step, and of all steps together. */
  readonly stepMs?: number;
  readonly totalMs?: number;
}

/** Longer than the grace time that each part gives its work in progress. */
const usualStepMs = 4_000;
/** Shorter than the time after which the process exits in any case. */
const usualTotalMs = 15_000;

/**
 * Stops services in the reverse order of their start. A step that fails or hangs, for example on an unresponsive Redis,
 * is logged and skipped: the other services are stopped all the same.
 */
export class StopStack {
  readonly #options: StopStackOptions;
  readonly #steps: (() => unknown)[] = [];

  constructor(options: StopStackOptions) {
    this.#options = options;
  }

  /** Adds a step that runs before those added earlier. */
  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Runs every step once; never rejects. */
  async stop(): Promise<void> {
    const { clock, log, stepMs = usualStepMs, totalMs = usualTotalMs } = this.#options;
    const startedMs = clock.monotonic();
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const leftMs = Math.max(0, totalMs - (clock.monotonic() - startedMs));
      try {
        await this.#bounded(step, Math.min(stepMs, leftMs));
      } catch (thrown) {
        log.warn({ error: messageOf(thrown) }, 'cannot stop a part of the controller, continuing without it');
      }
    }
  }

  async #bounded(step: () => unknown, limitMs: number): Promise<void> {
    const tooLate = Promise.withResolvers<never>();
    const cancel = this.#options.clock.schedule(limitMs, () =>
      tooLate.reject(new Error(`stop took longer than ${limitMs} ms`)),
    );
    try {
      await Promise.race([Promise.try(step), tooLate.promise]);
    } finally {
      cancel();
    }
  }
}

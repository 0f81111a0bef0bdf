import type { Clock } from '@certfleet/shared/clock.ts';
import { messageOf } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';

/** What bounds a stop. */
export interface StopStackOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of one step, and of all together. */
  readonly stepMs?: number;
  readonly totalMs?: number;
}

/** Longer than the grace that each part gives what is under way. */
const usualStepMs = 4_000;
/** Less than the time after which the program ends whatever is left. */
const usualTotalMs = 15_000;

/**
 * What was started, to be stopped in reverse. A step that hangs, such as one that waits for a Redis that is silent, or one
 * that fails is left behind and logged: the others are stopped all the same.
 */
export class StopStack {
  readonly #options: StopStackOptions;
  readonly #steps: (() => unknown)[] = [];

  constructor(options: StopStackOptions) {
    this.#options = options;
  }

  /** Adds a step that is taken before those that were added earlier. */
  defer(step: () => unknown): void {
    this.#steps.push(step);
  }

  /** Takes every step once; never rejects. */
  async stop(): Promise<void> {
    const { clock, log, stepMs = usualStepMs, totalMs = usualTotalMs } = this.#options;
    const startedMs = clock.monotonic();
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const leftMs = Math.max(0, totalMs - (clock.monotonic() - startedMs));
      try {
        await this.#bounded(step, Math.min(stepMs, leftMs));
      } catch (thrown) {
        log.warn({ error: messageOf(thrown) }, 'a part of the controller did not stop, going on without it');
      }
    }
  }

  async #bounded(step: () => unknown, limitMs: number): Promise<void> {
    const tooLate = Promise.withResolvers<never>();
    const cancel = this.#options.clock.schedule(limitMs, () =>
      tooLate.reject(new Error(`expected it to stop within ${limitMs} ms`)),
    );
    try {
      await Promise.race([Promise.try(step), tooLate.promise]);
    } finally {
      cancel();
    }
  }
}

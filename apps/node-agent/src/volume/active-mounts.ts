import type { Clock } from '@certfleet/shared/clock.ts';

/** Counts mounts in progress, so that less urgent work can wait for them. */
export class ActiveMounts {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` and counts it as in progress until it succeeds or fails. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    try {
      return await work();
    } finally {
      this.#count -= 1;
      if (this.#count === 0) for (const proceed of [...this.#waiting]) proceed();
    }
  }

  /** Resolves when nothing is in progress, after `maxMs`, or when the signal is aborted. */
  idle(maxMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#count === 0 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const proceed = (): void => {
        cancel();
        signal?.removeEventListener('abort', proceed);
        this.#waiting.delete(proceed);
        resolve();
      };
      const cancel = this.#clock.schedule(maxMs, proceed);
      signal?.addEventListener('abort', proceed, { once: true });
      this.#waiting.add(proceed);
    });
  }
}

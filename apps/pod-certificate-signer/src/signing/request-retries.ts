import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';

const firstBackoffMs = 1_000;
const maxBackoffMs = 60_000;

interface Retry {
  failures: number;
  cancel: CancelTimer | undefined;
}

/**
 * Repetitions of what failed, by request, with a back-off. They end with the request: the controller manager deletes it 15
 * minutes after its creation. While the controller manager is away, a request stays, and so must its repetitions.
 */
export class RequestRetries {
  readonly #clock: Pick<Clock, 'schedule'>;
  readonly #random: () => number;
  readonly #retries = new Map<string, Retry>();

  constructor(clock: Pick<Clock, 'schedule'>, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Runs after a delay that doubles with each failure of the request. */
  later(uid: string, run: () => void): void {
    const retry = this.#retries.get(uid) ?? { failures: 0, cancel: undefined };
    retry.cancel?.();
    const backoffMs = doubledDelayMs(firstBackoffMs, retry.failures, maxBackoffMs);
    retry.failures += 1;
    retry.cancel = this.#clock.schedule(backoffMs * (0.5 + this.#random() / 2), () => {
      retry.cancel = undefined;
      run();
    });
    this.#retries.set(uid, retry);
  }

  /** The request needs no further attempt. */
  end(uid: string): void {
    this.#retries.get(uid)?.cancel?.();
    this.#retries.delete(uid);
  }

  stop(): void {
    for (const uid of this.#retries.keys()) this.end(uid);
  }
}

import type { Clock } from '@certfleet/shared/clock.ts';

/** Longer than the controller manager keeps a request. */
const keptMs = 25 * 60_000;
const maxKept = 100_000;

/**
 * Requests that this process answered: an event of the watch may be older than the answer, and a second certificate for
 * it would be wasted.
 */
export class AnswerMemory {
  readonly #clock: Pick<Clock, 'monotonic'>;
  /** In the order of the answers. */
  readonly #answeredAt = new Map<string, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  has(uid: string): boolean {
    return this.#answeredAt.has(uid);
  }

  add(uid: string): void {
    const nowMs = this.#clock.monotonic();
    this.#answeredAt.set(uid, nowMs);
    for (const [oldest, atMs] of this.#answeredAt) {
      if (this.#answeredAt.size <= maxKept && nowMs - atMs < keptMs) break;
      this.#answeredAt.delete(oldest);
    }
  }
}

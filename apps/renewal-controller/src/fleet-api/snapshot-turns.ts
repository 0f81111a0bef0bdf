import type { Clock } from '@certfleet/shared/clock.ts';

const maxConcurrent = 8;
/** A slower or unresponsive agent gives up its slot, so that others do not wait for it. */
const maxMs = 5_000;

interface Turn {
  readonly begin: () => void;
  end: () => void;
}

/**
 * Limits how many agents send their snapshots at once; others wait in order. Otherwise a restarted controller would
 * receive the reports of the whole fleet in memory before Redis has stored the first.
 */
export class SnapshotTurns {
  readonly #clock: Clock;
  readonly #waiting = new Set<Turn>();
  #free = maxConcurrent;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `begin` when a slot is free.
   * @returns a function that frees the slot or leaves the queue; further calls have no effect
   */
  take(begin: () => void): () => void {
    const turn: Turn = { begin, end: () => this.#waiting.delete(turn) };
    this.#waiting.add(turn);
    this.#next();
    return () => turn.end();
  }

  #next(): void {
    for (const turn of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(turn);
      this.#free -= 1;
      const end = (): void => {
        cancel();
        turn.end = () => undefined;
        this.#free += 1;
        this.#next();
      };
      const cancel = this.#clock.schedule(maxMs, end);
      turn.end = end;
      turn.begin();
    }
  }
}

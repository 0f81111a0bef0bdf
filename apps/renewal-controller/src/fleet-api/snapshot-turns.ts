import type { Clock } from '@certfleet/shared/clock.ts';

const atOnce = 8;
/** An agent that takes longer, or says nothing, keeps nobody else waiting. */
const maxMs = 5_000;

interface Turn {
  readonly begin: () => void;
  end: () => void;
}

/**
 * Asks few agents at a time for their snapshots, first come, first served. A controller that was restarted meets its whole
 * fleet at once, and would otherwise hold every volume's report in memory before Redis has taken the first.
 */
export class SnapshotTurns {
  readonly #clock: Clock;
  readonly #waiting = new Set<Turn>();
  #free = atOnce;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls `begin` when it is the caller's turn.
   * @returns ends the turn, or leaves the line; calling it again does nothing
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

import type { Clock } from '@certfleet/shared/clock.ts';
import { elapsedMs } from '../time/moment.ts';
import type { Moment } from '../time/moment.ts';

/** Data that was confirmed longer ago than this is marked with its age, and no action may rely on it. */
export const currentForMs = 15_000;

/** Whether data that was confirmed at that moment still counts as current. */
export const isRecent = (
  clock: Pick<Clock, 'now' | 'monotonic'>,
  at: Moment,
  limitMs: number = currentForMs,
): boolean => elapsedMs(clock, at) <= limitMs;

/** One shown result: when it was confirmed, and whether its last request failed. */
export interface ShownDatum {
  readonly confirmedAt: Moment | undefined;
  readonly hasFailed: boolean;
}

/** Everything that the page shows now, for the one status of the page. */
export class ShownData {
  readonly #data = new Map<object, ShownDatum>();
  readonly #listeners = new Set<() => void>();

  /** Adds or updates the data of a component. */
  set(owner: object, datum: ShownDatum): void {
    this.#data.set(owner, datum);
    this.#changed();
  }

  remove(owner: object): void {
    if (this.#data.delete(owner)) this.#changed();
  }

  /** The least recently confirmed data. */
  get oldest(): Moment | undefined {
    return [...this.#data.values()]
      .flatMap(({ confirmedAt }) => confirmedAt ?? [])
      .reduce<Moment | undefined>((a, b) => (a === undefined || b.monotonicMs < a.monotonicMs ? b : a), undefined);
  }

  get hasFailure(): boolean {
    return [...this.#data.values()].some(({ hasFailed }) => hasFailed);
  }

  /** @returns a function that removes the listener */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

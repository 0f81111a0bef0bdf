import type { Moment } from '../time/moment.ts';

/** A result of the server, and the start of the request that returned it. */
export interface Result {
  readonly data: unknown;
  readonly confirmedAt: Moment;
}

const maxResults = 30;

/** The last results by key: a view that is opened again shows its data at once, with its true age. */
export class ResultCache {
  readonly #results = new Map<string, Result>();

  get(key: string): Result | undefined {
    return this.#results.get(key);
  }

  set(key: string, result: Result): void {
    this.#results.delete(key);
    this.#results.set(key, result);
    const [oldest] = this.#results.keys();
    if (this.#results.size > maxResults && oldest !== undefined) this.#results.delete(oldest);
  }

  clear(): void {
    this.#results.clear();
  }
}

import { orAborted } from '@certfleet/shared/or-aborted.ts';

/** Serialises work per key, first come first served; keys that nobody holds cost nothing. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `work` once all earlier work under the key has ended, well or badly, and gives its outcome.
   * @throws the signal's reason when it is aborted before the work could begin; the work is never run then
   */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const previous = this.#tails.get(key);
    const { promise: tail, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(key, tail);
    try {
      if (previous !== undefined) await orAborted(previous, signal);
    } catch (aborted) {
      // Those behind still wait for those before.
      void previous?.then(() => this.#release(key, tail, release));
      throw aborted;
    }
    try {
      return await work();
    } finally {
      this.#release(key, tail, release);
    }
  }

  /** Whether work under the key is running or waiting. */
  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }

  /** How many keys are held now. */
  get size(): number {
    return this.#tails.size;
  }

  #release(key: string, tail: Promise<void>, release: () => void): void {
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
    release();
  }
}

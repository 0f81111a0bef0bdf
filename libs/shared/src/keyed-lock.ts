import { orAborted } from './or-aborted.ts';

/** Serialises work per key in order of arrival. Unlocked keys use no memory. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `work` after all earlier work of the key has settled, and returns its result.
   * @throws the signal's reason if it is aborted before the work starts; the work then never runs
   */
  async run<T>(key: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const previous = this.#tails.get(key);
    const { promise: tail, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(key, tail);
    try {
      if (previous !== undefined) await orAborted(previous, signal);
    } catch (aborted) {
      // Later work still waits for earlier work.
      void previous?.then(() => this.#release(key, tail, release));
      throw aborted;
    }
    try {
      return await work();
    } finally {
      this.#release(key, tail, release);
    }
  }

  /** Whether work of the key is running or waiting. */
  isHeld(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Number of locked keys. */
  get size(): number {
    return this.#tails.size;
  }

  #release(key: string, tail: Promise<void>, release: () => void): void {
    if (this.#tails.get(key) === tail) this.#tails.delete(key);
    release();
  }
}

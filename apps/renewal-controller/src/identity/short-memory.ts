import type { Clock } from '@certfleet/shared/clock.ts';

interface Remembered<Value> {
  readonly atMs: number;
  readonly value: Promise<Value>;
}

const mostRemembered = 1_000;

/** Remembers answers for a moment; refusals are remembered with them, so that asking again costs nobody. */
export class ShortMemory<Value> {
  readonly #clock: Clock;
  readonly #keptMs: number;
  readonly #answers = new Map<string, Remembered<Value>>();

  constructor({ clock, keptMs }: { readonly clock: Clock; readonly keptMs: number }) {
    this.#clock = clock;
    this.#keptMs = keptMs;
  }

  get(key: string, ask: () => Promise<Value>): Promise<Value> {
    const nowMs = this.#clock.now();
    const known = this.#answers.get(key);
    if (known !== undefined && nowMs - known.atMs < this.#keptMs) return known.value;
    const value = ask();
    value.catch(() => undefined);
    if (this.#answers.size >= mostRemembered) this.#answers.clear();
    this.#answers.set(key, { atMs: nowMs, value });
    return value;
  }
}

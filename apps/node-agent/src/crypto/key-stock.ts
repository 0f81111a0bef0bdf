import type { KeyObject } from 'node:crypto';

/** How many RSA keys are kept ready. One of 2048 bits costs some 18 KB and 50 to 150 ms of CPU. */
export interface StockSizes {
  /** Keys of 2048 bits before any RSA key was asked for: a node that never mounts one pays for no more. Default 8. */
  readonly initial: number;
  /** Keys of 2048 bits from then on. Default 112: the kubelet starts at most 110 pods on a node. */
  readonly full: number;
  /** Keys of each other size that is asked for, up to 4096 bits. Default 4. */
  readonly otherSizes: number;
}

const defaultSizes: StockSizes = { initial: 8, full: 112, otherSizes: 4 };
const commonSize = 2048;
/** Above this a key costs tens of seconds of CPU: made when asked for, never ahead. */
const maxStocked = 4096;
/** 3072 and 4096 in practice; an inventive pod may not make the node stock every size there is. */
const maxOtherSizes = 2;
/**
 * So many keys of any size that was asked for are kept, though not made ahead, when their taker gave up meanwhile: a
 * large key may take longer than a mount may wait, and would otherwise be made and thrown away at each try.
 */
const maxLeftovers = 2;

interface Shelf {
  readonly keys: KeyObject[];
  /** How many are made ahead. */
  target: number;
}

/** RSA keys that are ready, by size: the common one, and those last asked for. */
export class KeyStock {
  readonly #sizes: StockSizes;
  readonly #common: Shelf;
  /** The size that was asked for longest ago comes first. */
  readonly #others = new Map<number, Shelf>();
  readonly #large = new Map<number, Shelf>();

  constructor(sizes: Partial<StockSizes> = {}) {
    this.#sizes = { ...defaultSizes, ...sizes };
    this.#common = { keys: [], target: Math.min(this.#sizes.initial, this.#sizes.full) };
  }

  /** A key of that size, which leaves the stock, or undefined; either way the stock learns that it is in demand. */
  take(size: number): KeyObject | undefined {
    return this.#learn(size).keys.pop();
  }

  /** Adds a key if there is room for it, and says whether there was. */
  put(size: number, key: KeyObject): boolean {
    const shelf = this.#shelf(size);
    if (shelf === undefined || shelf.keys.length >= Math.max(shelf.target, maxLeftovers)) return false;
    shelf.keys.push(key);
    return true;
  }

  count(size: number): number {
    return this.#shelf(size)?.keys.length ?? 0;
  }

  /** The size to make a key of next: the common one first. Undefined when nothing is missing. */
  missingSize(): number | undefined {
    const shelves: readonly (readonly [number, Shelf])[] = [[commonSize, this.#common], ...this.#others];
    return shelves.find(([, { keys, target }]) => keys.length < target)?.[0];
  }

  clear(): void {
    this.#common.keys.length = 0;
    this.#others.clear();
    this.#large.clear();
  }

  #shelf(size: number): Shelf | undefined {
    return size === commonSize ? this.#common : (this.#others.get(size) ?? this.#large.get(size));
  }

  #learn(size: number): Shelf {
    if (size === commonSize) {
      this.#common.target = this.#sizes.full;
      return this.#common;
    }
    return size > maxStocked
      ? remember(this.#large, size, { keys: [], target: 0 })
      : remember(this.#others, size, { keys: [], target: this.#sizes.otherSizes });
  }
}

/** The shelf of that size, or the new one, as the last that was asked for; the one asked for longest ago gives way. */
function remember(shelves: Map<number, Shelf>, size: number, empty: Shelf): Shelf {
  const shelf = shelves.get(size) ?? empty;
  shelves.delete(size);
  shelves.set(size, shelf);
  const oldest = shelves.keys().next();
  if (shelves.size > maxOtherSizes && oldest.done === false) shelves.delete(oldest.value);
  return shelf;
}

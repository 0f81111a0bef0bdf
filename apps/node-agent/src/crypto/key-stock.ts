import type { KeyObject } from 'node:crypto';

/** Number of RSA keys kept ready. One of 2048 bits costs about 18 KB and 50 to 150 ms of CPU. */
export interface StockSizes {
  /** Keys of 2048 bits before the first RSA key was requested: a node that mounts none needs no more. Default 8. */
  readonly initial: number;
  /** Keys of 2048 bits from then on. Default 112: the kubelet starts at most 110 pods on a node. */
  readonly full: number;
  /** Keys of each other requested size, up to 4096 bits. Default 4. */
  readonly otherSizes: number;
}

const defaultSizes: StockSizes = { initial: 8, full: 112, otherSizes: 4 };
const commonSize = 2048;
/** Maximum size of keys in the stock. Larger ones cost tens of seconds of CPU and are generated only on request. */
const maxStocked = 4096;
/** 3072 and 4096 in practice; the limit keeps pods from making the node stock every size. */
const maxOtherSizes = 2;
/**
 * How many keys of each requested size are kept, though not generated in advance, if their caller cancelled: a large
 * key may take longer than the timeout of a mount, and would otherwise be discarded after each attempt.
 */
const maxLeftovers = 2;

interface Shelf {
  readonly keys: KeyObject[];
  /** Number of keys to generate in advance. */
  target: number;
}

/** Ready RSA keys by size: the common one, and the most recently requested others. */
export class KeyStock {
  readonly #sizes: StockSizes;
  readonly #common: Shelf;
  /** Least recently requested size first. */
  readonly #others = new Map<number, Shelf>();
  readonly #large = new Map<number, Shelf>();

  constructor(sizes: Partial<StockSizes> = {}) {
    this.#sizes = { ...defaultSizes, ...sizes };
    this.#common = { keys: [], target: Math.min(this.#sizes.initial, this.#sizes.full) };
  }

  /** Removes and returns a key of that size, or undefined; in both cases the size is recorded as requested. */
  take(size: number): KeyObject | undefined {
    return this.#learn(size).keys.pop();
  }

  /** Adds a key if there is room for it; returns whether it was added. */
  put(size: number, key: KeyObject): boolean {
    const shelf = this.#shelf(size);
    if (shelf === undefined || shelf.keys.length >= Math.max(shelf.target, maxLeftovers)) return false;
    shelf.keys.push(key);
    return true;
  }

  count(size: number): number {
    return this.#shelf(size)?.keys.length ?? 0;
  }

  /** The size of the next key to generate, the common one first; undefined if the stock is full. */
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

/**
 * Returns the shelf of that size, or the new one, as the most recently requested; evicts the least recently requested.
 */
function remember(shelves: Map<number, Shelf>, size: number, empty: Shelf): Shelf {
  const shelf = shelves.get(size) ?? empty;
  shelves.delete(size);
  shelves.set(size, shelf);
  const oldest = shelves.keys().next();
  if (shelves.size > maxOtherSizes && oldest.done === false) shelves.delete(oldest.value);
  return shelf;
}

import FastPriorityQueue from 'fastpriorityqueue';

/**
 * Keeps the first N of the offered items, in order, without sorting all: a heap with the last kept item on top, so that
 * one comparison rejects most items.
 */
export class TopN<Item> {
  readonly #limit: number;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #heap: FastPriorityQueue<Item>;

  constructor(limit: number, compare: (a: Item, b: Item) => number) {
    this.#limit = limit;
    this.#compare = compare;
    this.#heap = new FastPriorityQueue((a, b) => compare(a, b) > 0);
  }

  /** The last kept item if the heap is full; items after it need not be offered. */
  get bar(): Item | undefined {
    return this.#heap.size < this.#limit ? undefined : this.#heap.peek();
  }

  offer(item: Item): void {
    if (this.#heap.size < this.#limit) {
      this.#heap.add(item);
      return;
    }
    const last = this.#heap.peek();
    if (last !== undefined && this.#compare(item, last) < 0) this.#heap.replaceTop(item);
  }

  sorted(): readonly Item[] {
    const items: Item[] = [];
    this.#heap.forEach((item) => void items.push(item));
    return items.reverse();
  }
}

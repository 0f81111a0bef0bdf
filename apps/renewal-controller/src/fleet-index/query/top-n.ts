/**
 * Keeps the first N of the offered items, in order, without sorting all: a heap with the last kept item on top, so that
 * one comparison rejects most items.
 */
export class TopN<Item> {
  readonly #limit: number;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #heap: Item[] = [];

  constructor(limit: number, compare: (a: Item, b: Item) => number) {
    this.#limit = limit;
    this.#compare = compare;
  }

  /** The last kept item if the heap is full; items after it need not be offered. */
  get bar(): Item | undefined {
    return this.#heap.length < this.#limit ? undefined : this.#heap[0];
  }

  offer(item: Item): void {
    if (this.#heap.length < this.#limit) {
      this.#heap.push(item);
      this.#rise(this.#heap.length - 1);
      return;
    }
    const [top] = this.#heap;
    if (top === undefined || this.#compare(item, top) >= 0) return;
    this.#heap[0] = item;
    this.#sink();
  }

  sorted(): readonly Item[] {
    return this.#heap.toSorted(this.#compare);
  }

  #rise(from: number): void {
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#isAfter(index, parent)) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #sink(): void {
    const { length } = this.#heap;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      if (left >= length) return;
      const child = left + 1 < length && this.#isAfter(left + 1, left) ? left + 1 : left;
      if (!this.#isAfter(child, index)) return;
      this.#swap(child, index);
      index = child;
    }
  }

  #isAfter(one: number, other: number): boolean {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    return a !== undefined && b !== undefined && this.#compare(a, b) > 0;
  }

  #swap(one: number, other: number): void {
    const [a, b] = [this.#heap[one], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    this.#heap[one] = b;
    this.#heap[other] = a;
  }
}

/**
 * The first so many of what is offered, in order, without sorting the rest: a heap with the last of the kept on top, so
 * that most of what is offered is refused by one comparison.
 */
export class TopN<Item> {
  readonly #most: number;
  readonly #compare: (a: Item, b: Item) => number;
  readonly #heap: Item[] = [];

  constructor(most: number, compare: (a: Item, b: Item) => number) {
    this.#most = most;
    this.#compare = compare;
  }

  /** The last of the kept when there is no more room; what comes after it need not be offered. */
  get bar(): Item | undefined {
    return this.#heap.length < this.#most ? undefined : this.#heap[0];
  }

  offer(item: Item): void {
    if (this.#heap.length < this.#most) {
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
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isAfter(place, parent)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #sink(): void {
    const { length } = this.#heap;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      if (left >= length) return;
      const child = left + 1 < length && this.#isAfter(left + 1, left) ? left + 1 : left;
      if (!this.#isAfter(child, place)) return;
      this.#swap(child, place);
      place = child;
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

import FastPriorityQueue from 'fastpriorityqueue';

interface Entry {
  readonly id: string;
  readonly dueAtMs: number;
}

/**
 * Ids by due time, the earliest first. A changed or removed id leaves its old entry in the heap, which is skipped when
 * it reaches the top; the map of current times determines which entry is valid.
 */
export class DeadlineHeap {
  readonly #heap = new FastPriorityQueue<Entry>((a, b) => a.dueAtMs < b.dueAtMs);
  readonly #current = new Map<string, number>();

  get size(): number {
    return this.#current.size;
  }

  /** Milliseconds since the epoch at which the id is due; undefined if it is not queued. */
  dueAt(id: string): number | undefined {
    return this.#current.get(id);
  }

  set(id: string, dueAtMs: number): void {
    if (this.#current.get(id) === dueAtMs) return;
    this.#current.set(id, dueAtMs);
    this.#heap.add({ id, dueAtMs });
    if (this.#heap.size > 2 * this.#current.size + 64)
      this.#heap.heapify(Array.from(this.#current, ([currentId, atMs]) => ({ id: currentId, dueAtMs: atMs })));
  }

  delete(id: string): void {
    this.#current.delete(id);
  }

  /** The earliest due time; undefined if the queue is empty. */
  peekDueAt(): number | undefined {
    this.#dropStale();
    return this.#heap.peek()?.dueAtMs;
  }

  /** The number of ids that are due at `nowMs`. */
  countDue(nowMs: number): number {
    if ((this.peekDueAt() ?? Infinity) > nowMs) return 0;
    let count = 0;
    for (const atMs of this.#current.values()) if (atMs <= nowMs) count += 1;
    return count;
  }

  /** Removes and returns the id with the earliest due time, if it is due at `nowMs`. */
  popDue(nowMs: number): string | undefined {
    this.#dropStale();
    const first = this.#heap.peek();
    if (first === undefined || first.dueAtMs > nowMs) return undefined;
    this.#heap.poll();
    this.#current.delete(first.id);
    return first.id;
  }

  #dropStale(): void {
    for (let first = this.#heap.peek(); first !== undefined; first = this.#heap.peek()) {
      if (this.#current.get(first.id) === first.dueAtMs) return;
      this.#heap.poll();
    }
  }
}

interface Entry {
  readonly id: string;
  readonly dueAtMs: number;
}

/**
 * Volumes by due time: a binary heap with the earliest first. A changed or removed id leaves its old entry in the heap,
 * which is skipped when it reaches the top; the map of current times determines which entry is valid.
 */
export class DeadlineHeap {
  #heap: Entry[] = [];
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
    this.#push({ id, dueAtMs });
    if (this.#heap.length > 2 * this.#current.size + 64) this.#rebuild();
  }

  delete(id: string): void {
    this.#current.delete(id);
  }

  /** The earliest due time; undefined if the queue is empty. */
  peekDueAt(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.dueAtMs;
  }

  /** Removes and returns the id with the earliest due time, if it is due at `nowMs`. */
  popDue(nowMs: number): string | undefined {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.dueAtMs > nowMs) return undefined;
    this.#popHeap();
    this.#current.delete(first.id);
    return first.id;
  }

  #dropStale(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#current.get(first.id) === first.dueAtMs) return;
      this.#popHeap();
    }
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [id, dueAtMs] of this.#current) this.#push({ id, dueAtMs });
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || parent.dueAtMs <= entry.dueAtMs) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  #popHeap(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const leftIndex = 2 * index + 1;
      const left = heap[leftIndex];
      if (left === undefined) break;
      const right = heap[leftIndex + 1];
      const [child, childIndex] =
        right !== undefined && right.dueAtMs < left.dueAtMs ? [right, leftIndex + 1] : [left, leftIndex];
      if (child.dueAtMs >= last.dueAtMs) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}

import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** Wall time at the start of every world. */
export const epochMs = Date.UTC(2026, 0, 1);

interface Entry {
  readonly atMs: number;
  /** Order of arrival, for events at the same time. */
  readonly order: number;
  callback: (() => void) | undefined;
}

/** The world's time, which jumps from one event to the next: a binary heap of events. */
export class SimulatedTime {
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #order = 0;

  /** Milliseconds since the start of the world: true time, on which every monotonic clock is based. */
  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    return this.at(this.#nowMs + delayMs, callback);
  }

  at(atMs: number, callback: () => void): CancelTimer {
    const entry: Entry = { atMs, order: this.#order++, callback };
    if (entry.atMs !== Infinity) this.#push(entry);
    return () => (entry.callback = undefined);
  }

  /** Runs all events until a time, one after another; `afterEach` runs after each event and its promise reactions. */
  async runUntil(untilMs: number, afterEach: () => void): Promise<void> {
    for (let next = this.#pop(untilMs); next !== undefined; next = this.#pop(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback?.();
      await settle();
      afterEach();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  /** The next event up to that time that was not cancelled. */
  #pop(untilMs: number): Entry | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.atMs <= untilMs; first = this.#heap[0]) {
      this.#removeFirst();
      if (first.callback !== undefined) return first;
    }
    return undefined;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** One turn of the event loop: all promise reactions and process.nextTick callbacks have then run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The parties with separate wall clocks, which may be wrong. */
export type Party = 'node' | 'issuer' | 'apiServer';

/** The wall time of each party. */
export class WallClocks {
  readonly #time: SimulatedTime;
  readonly #offsets: Record<Party, number> = { node: 0, issuer: 0, apiServer: 0 };

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  now(party: Party): number {
    return epochMs + this.#time.nowMs + this.#offsets[party];
  }

  /** True time, as milliseconds since the Unix epoch. */
  get trueMs(): number {
    return epochMs + this.#time.nowMs;
  }

  offset(party: Party): number {
    return this.#offsets[party];
  }

  set(party: Party, offsetMs: number): void {
    this.#offsets[party] = offsetMs;
  }

  /** The maximum difference between any two of node, issuer and true time. */
  get skewMs(): number {
    const { node, issuer } = this.#offsets;
    return Math.max(node, issuer, 0) - Math.min(node, issuer, 0);
  }
}

/** The clock of one run of the agent's process: monotonic time starts at 0, and its timers end with it. */
export class ProcessClock implements Clock {
  readonly #time: SimulatedTime;
  readonly #walls: WallClocks;
  readonly #startedMs: number;
  readonly #onThrow: (thrown: unknown) => void;
  readonly #timers = new Set<CancelTimer>();
  #isDead = false;

  constructor(time: SimulatedTime, walls: WallClocks, onThrow: (thrown: unknown) => void) {
    this.#time = time;
    this.#walls = walls;
    this.#startedMs = time.nowMs;
    this.#onThrow = onThrow;
  }

  now(): number {
    return this.#walls.now('node');
  }

  monotonic(): number {
    return this.#time.nowMs - this.#startedMs;
  }

  /** The number of pending timers. */
  get timers(): number {
    return this.#timers.size;
  }

  schedule(delayMs: number, callback: () => void): CancelTimer {
    if (this.#isDead) return () => undefined;
    // As in Node: at least one millisecond, also for NaN.
    const cancelEvent = this.#time.after(delayMs >= 1 ? delayMs : 1, () => {
      this.#timers.delete(cancel);
      try {
        callback();
      } catch (thrown) {
        this.#onThrow(thrown);
      }
    });
    const cancel = (): void => {
      this.#timers.delete(cancel);
      cancelEvent();
    };
    this.#timers.add(cancel);
    return cancel;
  }

  kill(): void {
    this.#isDead = true;
    for (const cancel of this.#timers) cancel();
  }
}

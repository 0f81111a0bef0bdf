import type { KeyObject } from 'node:crypto';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { orAborted } from '@certfleet/shared/or-aborted.ts';
import type { KeyKind } from './private-key.ts';
import { KeyStock } from './key-stock.ts';
import type { StockSizes } from './key-stock.ts';

export interface KeyPoolOptions {
  readonly generate: (kind: KeyKind) => Promise<KeyObject>;
  readonly clock: Clock;
  readonly stock?: Partial<StockSizes>;
  /** Generations at once, on request or for the stock; libuv's pool has four threads, and files need some. Default 2. */
  readonly maxConcurrentGenerations?: number;
  /** Told of every RSA key that is asked for: a hit came from the stock, a miss waits for a generation. */
  readonly onTake?: (outcome: 'hit' | 'miss', kind: KeyKind) => void;
  /** Told when a key for the stock could not be made; the pool tries again later. */
  readonly onStockFailure?: (error: unknown) => void;
}

/** How long the stock rests after a key was taken: a burst of mounts has the CPU for itself first. */
const refillDelayMs = 5_000;
/** After each key for the stock, rest three times as long as it took: a quarter of one core, less on a busy machine. */
const restFactor = 3;

/** Whom a key is for: a pod that waits to start is served before one that runs already. */
export type KeyUrgency = 'mount' | 'renewal';

/** How a key is taken. */
export interface TakeOptions {
  /** Ends the wait: the taker leaves the queue at once, and a key being made goes to the next one or to the stock. */
  readonly signal?: AbortSignal;
  /** Default `mount`. */
  readonly urgency?: KeyUrgency;
}

interface Waiter {
  readonly kind: KeyKind;
  readonly resolve: (key: KeyObject) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gives private keys, RSA ones from a stock that is filled in idle time. Takers who find none wait in a queue, mounts
 * before renewals, and are served before the stock is. A key is given once, and none that was made is thrown away while
 * the stock has room.
 */
export class KeyPool {
  readonly #options: KeyPoolOptions;
  readonly #maxGenerations: number;
  readonly #stock: KeyStock;
  readonly #queues: Readonly<Record<KeyUrgency, Waiter[]>> = { mount: [], renewal: [] };
  /** Sizes of the RSA keys being made, each to go to the first in the queue for its size, else to the stock. */
  readonly #generating: number[] = [];
  #cancelFill: CancelTimer | undefined;
  #state: 'new' | 'filling' | 'stopped' = 'new';

  constructor(options: KeyPoolOptions) {
    this.#options = options;
    this.#maxGenerations = options.maxConcurrentGenerations ?? 2;
    this.#stock = new KeyStock(options.stock);
  }

  /** Begins to fill the stock; without it every key is made when it is asked for. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'filling';
    this.#scheduleFill(0);
  }

  /** Rejects those in the queue and drops the stock; generations that run end by themselves. */
  stop(): void {
    this.#state = 'stopped';
    this.#cancelFill?.();
    this.#cancelFill = undefined;
    this.#stock.clear();
    for (const { reject } of this.#waiting()) reject(stopped());
    for (const queue of Object.values(this.#queues)) queue.length = 0;
  }

  /** How many keys of that RSA size are ready now. */
  ready(size: number): number {
    return this.#stock.count(size);
  }

  /** How many takers wait for an RSA key. */
  get waiting(): number {
    return this.#waiting().length;
  }

  /**
   * A key that nobody else has or gets.
   * @throws CertfleetError unavailable once the pool is stopped; the signal's reason; otherwise what the generation threw
   */
  async take(kind: KeyKind, { signal, urgency = 'mount' }: TakeOptions = {}): Promise<KeyObject> {
    if (this.#state === 'stopped') throw stopped();
    signal?.throwIfAborted();
    // Curve keys take a millisecond or two: no stock, no queue.
    if (kind.algorithm !== 'RSA') return orAborted(this.#options.generate(kind), signal);
    const key = this.#stock.take(kind.size);
    this.#options.onTake?.(key === undefined ? 'miss' : 'hit', kind);
    this.#scheduleFill(refillDelayMs);
    return key ?? this.#wait(kind, this.#queues[urgency], signal);
  }

  async #wait(kind: KeyKind, queue: Waiter[], signal: AbortSignal | undefined): Promise<KeyObject> {
    const { promise, resolve, reject } = Promise.withResolvers<KeyObject>();
    const waiter: Waiter = { kind, resolve, reject };
    const leave = (): void => {
      const index = queue.indexOf(waiter);
      // Not in the queue: served in the same turn, and the key is the taker's.
      if (index < 0) return;
      queue.splice(index, 1);
      reject(signal?.reason);
      // Whoever stood behind a key of more than 4096 bits may have waited for this one.
      this.#serveWaiters();
    };
    queue.push(waiter);
    signal?.addEventListener('abort', leave, { once: true });
    this.#serveWaiters();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** In the order in which they are served. */
  #waiting(): readonly Waiter[] {
    return [...this.#queues.mount, ...this.#queues.renewal];
  }

  #serveWaiters(): void {
    while (this.#generating.length < this.#maxGenerations) {
      const kind = this.#nextToGenerate();
      if (kind === undefined) return;
      void this.#generate(kind);
    }
  }

  /** The first in the queue whom no running generation will serve. */
  #nextToGenerate(): KeyKind | undefined {
    const unclaimed = [...this.#generating];
    const isBusyWithLarge = this.#maxGenerations > 1 && unclaimed.some(isLarge);
    for (const { kind } of this.#waiting()) {
      const claimed = unclaimed.indexOf(kind.size);
      if (claimed >= 0) unclaimed.splice(claimed, 1);
      // One RSA 8192 key takes half a minute: two of them at once would shut everyone else out.
      else if (!(isBusyWithLarge && isLarge(kind.size))) return kind;
    }
    return undefined;
  }

  /** Makes one key; true when it went into the stock. */
  async #generate(kind: KeyKind): Promise<boolean> {
    this.#generating.push(kind.size);
    try {
      const key = await this.#options.generate(kind);
      const waiter = this.#shiftWaiter(kind.size);
      waiter?.resolve(key);
      return waiter === undefined && this.#state !== 'stopped' && this.#stock.put(kind.size, key);
    } catch (error) {
      const waiter = this.#shiftWaiter(kind.size);
      if (waiter === undefined) this.#options.onStockFailure?.(error);
      waiter?.reject(error);
      return false;
    } finally {
      this.#generating.splice(this.#generating.indexOf(kind.size), 1);
      this.#serveWaiters();
    }
  }

  #shiftWaiter(size: number): Waiter | undefined {
    for (const queue of [this.#queues.mount, this.#queues.renewal]) {
      const index = queue.findIndex(({ kind }) => kind.size === size);
      if (index >= 0) return queue.splice(index, 1)[0];
    }
    return undefined;
  }

  #scheduleFill(delayMs: number): void {
    if (this.#state !== 'filling' || this.#cancelFill !== undefined) return;
    if (this.#stock.missingSize() === undefined) return;
    this.#cancelFill = this.#options.clock.schedule(delayMs, () => void this.#fillOne());
  }

  /** Makes one key for the stock, or comes back later when there is demand; meanwhile the timer counts as armed. */
  async #fillOne(): Promise<void> {
    const size = this.#stock.missingSize();
    let restMs = refillDelayMs;
    if (size !== undefined && this.waiting === 0 && this.#generating.length === 0) {
      const startedAt = this.#options.clock.monotonic();
      const stocked = await this.#generate({ algorithm: 'RSA', size });
      if (stocked) restMs = restFactor * (this.#options.clock.monotonic() - startedAt);
    }
    this.#cancelFill = undefined;
    this.#scheduleFill(restMs);
  }
}

const isLarge = (size: number): boolean => size > 4096;

function stopped(): CertfleetError {
  return new CertfleetError('unavailable', 'expected a running key pool, found that it is stopped');
}

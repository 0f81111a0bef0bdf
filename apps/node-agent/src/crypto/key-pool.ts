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
  /**
   * Maximum number of concurrent generations, on request or for the stock. libuv's pool has four threads, some of which
   * files need. Default 2.
   */
  readonly maxConcurrentGenerations?: number;
  /** Called for every RSA key that is requested: a hit comes from the stock, a miss waits for a generation. */
  readonly onTake?: (outcome: 'hit' | 'miss', kind: KeyKind) => void;
  /** Called when a key for the stock could not be generated; the pool retries later. */
  readonly onStockFailure?: (error: unknown) => void;
}

/** How long filling the stock pauses after a key was taken, so that a burst of mounts gets the CPU first. */
const refillDelayMs = 5_000;
/**
 * After each key for the stock, the pause is three times its duration: a quarter of one core, less on a busy machine.
 */
const restFactor = 3;

/** A pod that waits to start is served before a running one. */
export type KeyUrgency = 'mount' | 'renewal';

export interface TakeOptions {
  /**
   * Ends the wait: the caller leaves the queue immediately, and a key in generation goes to the next caller or to the
   * stock.
   */
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
 * Provides private keys, RSA keys from a stock that is filled in idle time. Callers that find no key wait in a queue,
 * mounts before renewals, and are served before the stock. Each key is used once, and no generated key is discarded
 * while the stock has room.
 */
export class KeyPool {
  readonly #options: KeyPoolOptions;
  readonly #maxGenerations: number;
  readonly #stock: KeyStock;
  readonly #queues: Readonly<Record<KeyUrgency, Waiter[]>> = { mount: [], renewal: [] };
  /** Sizes of the RSA keys in generation. Each goes to the first caller in the queue for its size, or to the stock. */
  readonly #generating: number[] = [];
  #cancelFill: CancelTimer | undefined;
  #state: 'new' | 'filling' | 'stopped' = 'new';

  constructor(options: KeyPoolOptions) {
    this.#options = options;
    this.#maxGenerations = options.maxConcurrentGenerations ?? 2;
    this.#stock = new KeyStock(options.stock);
  }

  /** Starts filling the stock. Before that, every key is generated on request. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'filling';
    this.#scheduleFill(0);
  }

  /** Rejects the queued callers and clears the stock; running generations are not interrupted. */
  stop(): void {
    this.#state = 'stopped';
    this.#cancelFill?.();
    this.#cancelFill = undefined;
    this.#stock.clear();
    for (const { reject } of this.#waiting()) reject(stopped());
    for (const queue of Object.values(this.#queues)) queue.length = 0;
  }

  /** Number of keys of that RSA size that are ready. */
  ready(size: number): number {
    return this.#stock.count(size);
  }

  /** Number of callers that wait for an RSA key. */
  get waiting(): number {
    return this.#waiting().length;
  }

  /**
   * Returns a key that no other caller gets.
   * @throws CertfleetError unavailable if the pool is stopped; the signal's reason; otherwise the error of the
   * generation
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
      // Not in the queue any more: the key was assigned in the same turn.
      if (index < 0) return;
      queue.splice(index, 1);
      reject(signal?.reason);
      // Callers behind a key of more than 4096 bits may have waited for this one.
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

  /** The first queued caller that no running generation will serve. */
  #nextToGenerate(): KeyKind | undefined {
    const unclaimed = [...this.#generating];
    const isBusyWithLarge = this.#maxGenerations > 1 && unclaimed.some(isLarge);
    for (const { kind } of this.#waiting()) {
      const claimed = unclaimed.indexOf(kind.size);
      if (claimed >= 0) unclaimed.splice(claimed, 1);
      // One RSA 8192 key takes half a minute: two at once would block all other callers.
      else if (!(isBusyWithLarge && isLarge(kind.size))) return kind;
    }
    return undefined;
  }

  /** Generates one key; true if it went into the stock. */
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

  /** Generates one key for the stock, or waits while callers need keys. The timer counts as armed until it is done. */
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
  return new CertfleetError('unavailable', 'the key pool is stopped');
}

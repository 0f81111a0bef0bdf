import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

export interface FairQueueLimits {
  /** Concurrent work in total. */
  readonly concurrency: number;
  /** Concurrent work per source. */
  readonly concurrencyPerSource: number;
  /** Waiting work, per source and in total. */
  readonly waitingPerSource: number;
  readonly waiting: number;
  /** Work that waits longer fails. */
  readonly maxWaitMs: number;
}

interface Source {
  inFlight: number;
  readonly waiting: Set<() => void>;
}

/**
 * Runs work with bounded concurrency, round-robin over sources, so that a flooding source delays the others by at most
 * one turn.
 */
export class FairQueue {
  readonly #limits: FairQueueLimits;
  readonly #clock: Clock;
  /** In round-robin order; idle sources are removed. */
  readonly #sources = new Map<string, Source>();
  #inFlight = 0;
  #waiting = 0;

  constructor(limits: FairQueueLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * Runs the work when its source's turn comes.
   * @throws CertfleetError resource-exhausted if the queue is full or the wait too long; errors of the work
   */
  async run<T>(sourceName: string, work: () => Promise<T>): Promise<T> {
    const source = this.#sources.get(sourceName) ?? { inFlight: 0, waiting: new Set() };
    this.#sources.set(sourceName, source);
    if (this.#mayStart(source)) this.#start(source);
    else await this.#turn(source);
    try {
      return await work();
    } finally {
      this.#inFlight -= 1;
      source.inFlight -= 1;
      this.#forgetIdle(sourceName, source);
      this.#startNext();
    }
  }

  #mayStart({ inFlight }: Source): boolean {
    return this.#inFlight < this.#limits.concurrency && inFlight < this.#limits.concurrencyPerSource;
  }

  #start(source: Source): void {
    this.#inFlight += 1;
    source.inFlight += 1;
  }

  async #turn(source: Source): Promise<void> {
    const { waiting, waitingPerSource, maxWaitMs } = this.#limits;
    if (this.#waiting >= waiting || source.waiting.size >= waitingPerSource) throw busy();
    const started = Promise.withResolvers<undefined>();
    const start = (): void => started.resolve(undefined);
    source.waiting.add(start);
    this.#waiting += 1;
    const ended = new AbortController();
    const timeout = delay(this.#clock, maxWaitMs, ended.signal).then(
      () => {
        // The work may have started at the same moment.
        if (source.waiting.delete(start)) this.#waiting -= 1;
        else return;
        started.reject(busy());
      },
      () => undefined,
    );
    try {
      await started.promise;
    } finally {
      ended.abort(new CertfleetError('cancelled', 'no longer waiting'));
      await timeout;
    }
  }

  /** Starts waiting work, one per source in round-robin order. */
  #startNext(): void {
    for (const [name, source] of [...this.#sources]) {
      if (this.#inFlight >= this.#limits.concurrency) return;
      const [next] = source.waiting;
      if (next === undefined || !this.#mayStart(source)) continue;
      source.waiting.delete(next);
      this.#waiting -= 1;
      this.#start(source);
      // Move the source to the end of the order.
      this.#sources.delete(name);
      this.#sources.set(name, source);
      next();
    }
  }

  #forgetIdle(name: string, source: Source): void {
    if (source.inFlight === 0 && source.waiting.size === 0) this.#sources.delete(name);
  }
}

function busy(): CertfleetError {
  return new CertfleetError('resource-exhausted', 'too many requests are waiting for authentication: try again', {
    reason: 'ReviewsBusy',
    retryAfterMs: 1_000,
  });
}

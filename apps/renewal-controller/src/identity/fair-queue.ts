import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** Bounds of a queue. */
export interface FairQueueLimits {
  /** Work in progress at once. */
  readonly concurrency: number;
  /** Work in progress of one source at once. */
  readonly concurrencyPerSource: number;
  /** Work that waits, of one source and of all. */
  readonly waitingPerSource: number;
  readonly waiting: number;
  /** Work that has waited for so long is refused. */
  readonly maxWaitMs: number;
}

interface Source {
  inFlight: number;
  readonly waiting: Set<() => void>;
}

/** Runs bounded work for many sources in turn, so that one that asks without end delays the others by one turn at most. */
export class FairQueue {
  readonly #limits: FairQueueLimits;
  readonly #clock: Clock;
  /** In the order of their turns; a source without work is not kept. */
  readonly #sources = new Map<string, Source>();
  #inFlight = 0;
  #waiting = 0;

  constructor(limits: FairQueueLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * Runs the work when it is the source's turn.
   * @throws CertfleetError resource-exhausted when too much waits already, or waited for too long; what the work throws
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
        // Its turn may have come in the same moment.
        if (source.waiting.delete(start)) this.#waiting -= 1;
        else return;
        started.reject(busy());
      },
      () => undefined,
    );
    try {
      await started.promise;
    } finally {
      ended.abort(new CertfleetError('cancelled', 'the wait is over'));
      await timeout;
    }
  }

  /** Starts what waits, one of each source after the other. */
  #startNext(): void {
    for (const [name, source] of [...this.#sources]) {
      if (this.#inFlight >= this.#limits.concurrency) return;
      const [next] = source.waiting;
      if (next === undefined || !this.#mayStart(source)) continue;
      source.waiting.delete(next);
      this.#waiting -= 1;
      this.#start(source);
      // Its next turn comes after everybody else's.
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
  return new CertfleetError('resource-exhausted', 'too many requests wait for a check of who asks: try again', {
    reason: 'ReviewsBusy',
    retryAfterMs: 1_000,
  });
}

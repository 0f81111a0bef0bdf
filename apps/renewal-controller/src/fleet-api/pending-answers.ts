import { randomUUID } from 'node:crypto';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** How much may be waited for, and for how long. */
export interface PendingLimits {
  /** Questions without an answer, in all and of one party. */
  readonly most: number;
  readonly maxOfOne: number;
  readonly timeoutMs: number;
}

interface Pending<T> {
  /** Who was asked, and alone may answer. */
  readonly party: string;
  readonly answer: PromiseWithResolvers<T>;
  readonly cancelTimer: CancelTimer;
}

/**
 * Questions that wait for their answers. Each has an id that cannot be guessed and is bound to the party that was asked;
 * an answer that comes too late, from another party, or to no question, changes nothing.
 */
export class PendingAnswers<T> {
  readonly #clock: Clock;
  readonly #limits: PendingLimits;
  readonly #pending = new Map<string, Pending<T>>();
  #stopped: CertfleetError | undefined;

  constructor(clock: Clock, limits: PendingLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /**
   * Asks by `send`, and gives the answer.
   * @throws CertfleetError resource-exhausted when too much is waited for; deadline-exceeded when no answer came in time;
   *   what `send` threw; or what `fail` or `stop` said
   */
  async ask(party: string, send: (requestId: string) => void | Promise<void>): Promise<T> {
    if (this.#stopped !== undefined) throw this.#stopped;
    this.#requirePlace(party);
    const id = randomUUID();
    const answer = Promise.withResolvers<T>();
    const { timeoutMs } = this.#limits;
    const cancelTimer = this.#clock.schedule(timeoutMs, () =>
      answer.reject(new CertfleetError('deadline-exceeded', `expected an answer within ${timeoutMs} ms, found none`)),
    );
    this.#pending.set(id, { party, answer, cancelTimer });
    // It may fail while the question is still being sent; it is awaited below all the same.
    answer.promise.catch(() => undefined);
    try {
      await Promise.race([send(id), answer.promise]);
      return await answer.promise;
    } finally {
      cancelTimer();
      this.#pending.delete(id);
    }
  }

  /** Takes an answer. @returns whether this party was asked so and somebody still waits */
  answer(party: string, requestId: string, value: T): boolean {
    const pending = this.#pending.get(requestId);
    if (pending?.party !== party) return false;
    pending.answer.resolve(value);
    return true;
  }

  /** The party was asked in this, and will not answer. @returns as `answer` */
  refuse(party: string, requestId: string, error: CertfleetError): boolean {
    const pending = this.#pending.get(requestId);
    if (pending?.party !== party) return false;
    pending.answer.reject(error);
    return true;
  }

  /** The party is gone: nothing that it was asked will be answered. */
  fail(party: string, error: CertfleetError): void {
    for (const pending of this.#pending.values()) if (pending.party === party) pending.answer.reject(error);
  }

  /** Ends every wait, and takes no more questions. */
  stop(): void {
    this.#stopped = new CertfleetError('unavailable', 'the controller is stopping');
    for (const { answer } of this.#pending.values()) answer.reject(this.#stopped);
  }

  #requirePlace(party: string): void {
    const { most, maxOfOne } = this.#limits;
    const ofOne = [...this.#pending.values()].filter((pending) => pending.party === party).length;
    if (this.#pending.size < most && ofOne < maxOfOne) return;
    throw new CertfleetError('resource-exhausted', `expected fewer questions that wait for ${party}; try again soon`);
  }
}

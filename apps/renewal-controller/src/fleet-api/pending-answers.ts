import { randomUUID } from 'node:crypto';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

export interface PendingLimits {
  /** Maximum pending requests: in total, and per party. */
  readonly maxTotal: number;
  readonly maxPerParty: number;
  readonly timeoutMs: number;
}

interface Pending<T> {
  /** Only this party may answer. */
  readonly party: string;
  readonly answer: PromiseWithResolvers<T>;
  readonly cancelTimer: CancelTimer;
}

/**
 * Pending requests. Each has an unguessable id bound to the party that received it. Answers that are late, from another
 * party or to an unknown id have no effect.
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
   * Sends a request and waits for its answer.
   * @throws CertfleetError resource-exhausted if too many are pending; deadline-exceeded after the timeout; an error
   *   from `send`, `refuse`, `fail` or `stop`
   */
  async ask(party: string, send: (requestId: string) => void | Promise<void>): Promise<T> {
    if (this.#stopped !== undefined) throw this.#stopped;
    this.#requireSlot(party);
    const id = randomUUID();
    const answer = Promise.withResolvers<T>();
    const { timeoutMs } = this.#limits;
    const cancelTimer = this.#clock.schedule(timeoutMs, () =>
      answer.reject(new CertfleetError('deadline-exceeded', `no answer within ${timeoutMs} ms`)),
    );
    this.#pending.set(id, { party, answer, cancelTimer });
    // The promise may reject while `send` is still running; it is awaited below.
    answer.promise.catch(() => undefined);
    try {
      await Promise.race([send(id), answer.promise]);
      return await answer.promise;
    } finally {
      cancelTimer();
      this.#pending.delete(id);
    }
  }

  /** @returns whether the request is pending and was sent to this party */
  answer(party: string, requestId: string, value: T): boolean {
    const pending = this.#pending.get(requestId);
    if (pending?.party !== party) return false;
    pending.answer.resolve(value);
    return true;
  }

  /**
   * Rejects one pending request.
   * @returns as `answer`
   */
  refuse(party: string, requestId: string, error: CertfleetError): boolean {
    const pending = this.#pending.get(requestId);
    if (pending?.party !== party) return false;
    pending.answer.reject(error);
    return true;
  }

  /** Rejects all pending requests to a party that disconnected. */
  fail(party: string, error: CertfleetError): void {
    for (const pending of this.#pending.values()) if (pending.party === party) pending.answer.reject(error);
  }

  /** Rejects all pending and future requests. */
  stop(): void {
    this.#stopped = new CertfleetError('unavailable', 'the controller is stopping');
    for (const { answer } of this.#pending.values()) answer.reject(this.#stopped);
  }

  #requireSlot(party: string): void {
    const { maxTotal, maxPerParty } = this.#limits;
    const ofOne = [...this.#pending.values()].filter((pending) => pending.party === party).length;
    if (this.#pending.size < maxTotal && ofOne < maxPerParty) return;
    throw new CertfleetError('resource-exhausted', `too many requests to ${party} are pending; try again soon`);
  }
}

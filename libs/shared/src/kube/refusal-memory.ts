import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import type { ApiTarget } from './api-resource.ts';

/** The longest Retry-After that is obeyed: a server that asks for a day may be mistaken. */
export const maxRetryAfterMs = 300_000;
/** Below this the one request that was refused waits, and nobody else. */
const minRememberedMs = 1_000;
const maxRemembered = 1_000;

/** What tells flows of requests apart, as the API server's priority and fairness does. */
export type RefusedTarget = Pick<ApiTarget, 'resource' | 'namespace'> & {
  readonly verb: string;
  readonly bearer?: string;
};

interface Refusal {
  readonly error: CertfleetError;
  readonly untilMs: number;
}

/**
 * Retry-Afters that outlive the request they answered: the caller may have given up, and the next of its kind would come
 * too soon. Requests as somebody else are left alone, the server counts them apart.
 */
export class RefusalMemory {
  readonly #clock: Clock;
  /** The refusal that came first is the first. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws the refusal, with the time that is left of it, while it lasts */
  assertAllowed(target: RefusedTarget): void {
    const key = keyOf(target);
    const refusal = this.#refusals.get(key);
    if (refusal === undefined || target.bearer !== undefined) return;
    const { error, untilMs } = refusal;
    const leftMs = untilMs - this.#clock.monotonic();
    if (leftMs <= 0) {
      this.#refusals.delete(key);
      return;
    }
    const { reason, retryable } = error;
    const details = { retryable, retryAfterMs: leftMs, cause: error, ...(reason === undefined ? {} : { reason }) };
    throw new CertfleetError(error.code, error.message, details);
  }

  remember(target: RefusedTarget, error: CertfleetError): void {
    const { retryAfterMs } = error;
    if (retryAfterMs === undefined || retryAfterMs <= minRememberedMs || target.bearer !== undefined) return;
    const key = keyOf(target);
    const untilMs = this.#clock.monotonic() + Math.min(retryAfterMs, maxRetryAfterMs);
    // A refusal that was thrown from memory must not lengthen itself.
    if ((this.#refusals.get(key)?.untilMs ?? -Infinity) >= untilMs) return;
    this.#refusals.delete(key);
    this.#refusals.set(key, { error, untilMs });
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size > maxRemembered && oldest !== undefined) this.#refusals.delete(oldest);
  }
}

function keyOf({ verb, resource, namespace }: RefusedTarget): string {
  return [verb, resource.group, resource.plural, namespace].join(' ');
}

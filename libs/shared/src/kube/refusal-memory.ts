import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import type { ApiTarget } from './api-resource.ts';

/** Limit of an accepted Retry-After: a server that asks for a day may be wrong. */
export const maxRetryAfterMs = 300_000;
/** Below this, only the refused request itself waits. */
const minRememberedMs = 1_000;
const maxRemembered = 1_000;

/** The key that separates flows of requests, as in the API server's priority and fairness. */
export type RefusedTarget = Pick<ApiTarget, 'resource' | 'namespace'> & {
  readonly verb: string;
  readonly bearer?: string;
};

interface Refusal {
  readonly error: CertfleetError;
  readonly untilMs: number;
}

/**
 * Remembers Retry-Afters beyond the request that received them: the caller may have given up, and the next request of
 * the same flow would come too early. Requests with another user's token are not tracked, because the server counts
 * them separately.
 */
export class RefusalMemory {
  readonly #clock: Clock;
  /** In order of arrival, oldest first. */
  readonly #refusals = new Map<string, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws the refusal with the remaining time, while it lasts */
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
    // A refusal that was thrown from memory must not extend itself.
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

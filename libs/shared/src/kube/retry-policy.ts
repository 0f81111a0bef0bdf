import type { CertfleetError } from '../errors.ts';

/** The properties of a request that determine whether it may be retried. */
export interface RetriedRequest {
  readonly verb: string;
  readonly repeatable?: boolean;
  readonly bearer?: string;
  readonly random: () => number;
}

const maxRetries = 10;
/** A longer Retry-After is left to the caller's own back-off. */
const maxRetryAfterMs = 60_000;
const firstBackoffMs = 100;
const maxBackoffMs = 2000;

/** Milliseconds to wait before a retry, or undefined when a retry is not allowed. `attempt` counts from 1. */
export function retryDelay(error: CertfleetError, attempt: number, request: RetriedRequest): number | undefined {
  if (attempt > maxRetries) return undefined;
  if (error.retryAfterMs !== undefined) {
    if (error.retryAfterMs > maxRetryAfterMs) return undefined;
    // Not before the requested time, and with jitter: clients that were refused together would otherwise return
    // together.
    return Math.max(error.retryAfterMs, firstBackoffMs) * (1 + request.random() / 2);
  }
  if (error.code === 'unauthenticated') return attempt === 1 && request.bearer === undefined ? 0 : undefined;
  const lost = error.reason === 'ConnectionLost' && isRepeatable(request);
  if (error.reason !== 'ConnectionRefused' && !lost) return undefined;
  const backoffMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** (attempt - 1));
  return backoffMs * (0.5 + request.random() / 2);
}

function isRepeatable(request: RetriedRequest): boolean {
  return request.repeatable ?? ['get', 'list', 'delete'].includes(request.verb);
}

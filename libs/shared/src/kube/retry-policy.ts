import type { CertfleetError } from '../errors.ts';

/** What decides whether a request may be sent again. */
export interface RetriedRequest {
  readonly verb: string;
  readonly repeatable?: boolean;
  readonly bearer?: string;
  readonly random: () => number;
}

const maxRetries = 10;
/** A server that asks for more than this is left to the caller, who has a back-off of its own. */
const maxRetryAfterMs = 60_000;
const firstBackoffMs = 100;
const maxBackoffMs = 2000;

/** Milliseconds to wait before the request is sent again, or undefined when it must not be. `attempt` counts from 1. */
export function retryDelay(error: CertfleetError, attempt: number, request: RetriedRequest): number | undefined {
  if (attempt > maxRetries) return undefined;
  if (error.retryAfterMs !== undefined) {
    if (error.retryAfterMs > maxRetryAfterMs) return undefined;
    // Never sooner than asked, and spread: all who were refused in the same moment would come back in the same moment.
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

import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';

const statuses: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': 400,
  'not-found': 404,
  'already-exists': 409,
  'permission-denied': 403,
  unauthenticated: 401,
  'resource-exhausted': 429,
  'failed-precondition': 412,
  aborted: 409,
  cancelled: 499,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  'deadline-exceeded': 504,
};

export interface ErrorResponse {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string };
}

/** Maps any thrown value to a response. The texts of unexpected errors are hidden. */
export function errorResponse(thrown: unknown): ErrorResponse {
  const status = thrown instanceof Error && 'statusCode' in thrown ? Number(thrown.statusCode) : 500;
  if (thrown instanceof Error && status >= 400 && status < 500) {
    const code = status === 429 ? 'resource-exhausted' : 'invalid-argument';
    return { status, body: { code, message: thrown.message } };
  }
  if (isRedisUnavailable(thrown)) {
    const message = 'Redis is not reachable from this replica of the controller: try again';
    return { status: statuses.unavailable, body: { code: 'unavailable', message } };
  }
  const { code, message } = asCertfleetError(thrown);
  // An unexpected error may contain secrets.
  return { status: statuses[code], body: { code, message: code === 'internal' ? 'internal error' : message } };
}

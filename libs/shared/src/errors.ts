import type { ErrorReason } from './error-reasons.ts';

const errorCodes = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'permission-denied',
  'unauthenticated',
  'resource-exhausted',
  'failed-precondition',
  'aborted',
  'cancelled',
  'unimplemented',
  'internal',
  'unavailable',
  'deadline-exceeded',
] as const;

/** Error codes, named after gRPC's canonical codes (google.rpc.Code). */
export type ErrorCode = (typeof errorCodes)[number];

/** Whether a value from outside is an error code. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return (errorCodes as readonly unknown[]).includes(value);
}

export interface ErrorDetails {
  /** Whether the same call may succeed later without a change of configuration or input. */
  readonly retryable?: boolean;
  /** How long the server asked to wait before the next attempt, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The reason for Kubernetes Events and metric labels. */
  readonly reason?: ErrorReason;
  readonly cause?: unknown;
}

/**
 * The error class of certfleet. Messages are lower case and name what failed and why. They never contain a key, token
 * or password, because they reach logs, Kubernetes Events and the kubelet.
 */
export class CertfleetError extends Error {
  override readonly name = 'CertfleetError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly reason: ErrorReason | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryable = details.retryable ?? retryableByDefault.has(code);
    this.retryAfterMs = details.retryAfterMs;
    this.reason = details.reason;
  }
}

const retryableByDefault: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unavailable',
  'deadline-exceeded',
  'aborted',
  'resource-exhausted',
]);

/**
 * Wraps any thrown value: a CertfleetError is returned as it is, anything else becomes the cause of an internal error.
 */
export function asCertfleetError(thrown: unknown): CertfleetError {
  if (thrown instanceof CertfleetError) return thrown;
  return new CertfleetError('internal', messageOf(thrown), { cause: thrown });
}

/**
 * The message of a thrown value, never empty: a connection that was tried at several addresses fails with an error
 * without a message, which contains one error per address.
 */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.message !== '') return thrown.message;
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return [...new Set(thrown.errors.map(messageOf))].join('; ');
  }
  return 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name;
}

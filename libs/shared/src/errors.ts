/** The kinds of failure, in lower case; the names follow gRPC's canonical codes (google.rpc.Code). */
export type ErrorCode =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'unauthenticated'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'cancelled'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'deadline-exceeded';

/** What an error carries besides its message. */
export interface ErrorDetails {
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retryable?: boolean;
  /** How long the other side asked to wait before the next try, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The camel-case reason that a Kubernetes Event or a metric label shows; from a fixed set. */
  readonly reason?: string;
  readonly cause?: unknown;
}

/**
 * The one error class of certfleet. Messages are lower case, say what was expected and what was found, and never
 * hold a key, token or password: they reach logs, Kubernetes Events and the kubelet.
 */
export class CertfleetError extends Error {
  override readonly name = 'CertfleetError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly reason: string | undefined;

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

/** Any thrown value as a CertfleetError: itself when it is one, otherwise an internal error that keeps it as the cause. */
export function asCertfleetError(thrown: unknown): CertfleetError {
  if (thrown instanceof CertfleetError) return thrown;
  return new CertfleetError('internal', messageOf(thrown), { cause: thrown });
}

/**
 * What a thrown value says, never nothing: a connection that was tried at several addresses fails with an error without a
 * message, which holds those of each address.
 */
export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  if (thrown.message !== '') return thrown.message;
  if (thrown instanceof AggregateError && thrown.errors.length > 0) {
    return [...new Set(thrown.errors.map(messageOf))].join('; ');
  }
  return 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name;
}

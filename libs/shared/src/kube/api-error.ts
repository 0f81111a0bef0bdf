import { errorReasons, isOneOf } from '../error-reasons.ts';
import type { ErrorReason } from '../error-reasons.ts';
import { CertfleetError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

const codeByStatus: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid-argument',
  401: 'unauthenticated',
  403: 'permission-denied',
  404: 'not-found',
  405: 'unimplemented',
  408: 'unavailable',
  409: 'aborted',
  410: 'aborted',
  413: 'invalid-argument',
  415: 'invalid-argument',
  422: 'invalid-argument',
  429: 'resource-exhausted',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
};

/** The part of metav1.Status that explains a failure. */
export interface ApiStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string }[];
  };
}

/** A response that is not 2xx: the HTTP status, the raw body, and the Retry-After header. */
export interface RefusedResponse {
  readonly statusCode: number;
  readonly body: string;
  readonly retryAfter: string | undefined;
  /** The operation, such as `create certificaterequests`. */
  readonly action: string;
}

const maxMessage = 1024;

/** The error of a response that is not 2xx. Its message contains at most 1024 characters of the server's. */
export function errorFromResponse(response: RefusedResponse, now: number): CertfleetError {
  const status = parseStatus(response.body);
  const retryAfterMs = retryAfter(response.retryAfter, now);
  const message = boundedText(status?.message ?? response.body) || 'no message';
  return errorFromStatus(
    { ...status, code: response.statusCode, message },
    `could not ${response.action}`,
    retryAfterMs,
  );
}

/** The error of a metav1.Status, from a response's body or from the ERROR event of a watch. */
export function errorFromStatus(
  status: ApiStatus,
  what: string,
  retryAfterMs = secondsToMs(status.details?.retryAfterSeconds),
): CertfleetError {
  const httpCode = status.code ?? 500;
  const reason = reasonOf(status, httpCode);
  const code = reason === 'AlreadyExists' ? 'already-exists' : (codeByStatus[httpCode] ?? 'internal');
  const text = `${what}: the API server answered ${httpCode}: ${boundedText(status.message ?? 'no message')}`;
  return new CertfleetError(code, text, {
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    // A 500 is a temporary failure of a webhook or etcd; a 401 is a token that was about to be replaced.
    ...(httpCode >= 500 || httpCode === 401 ? { retryable: true } : {}),
  });
}

function reasonOf(status: ApiStatus, httpCode: number): ErrorReason {
  if (status.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating')) return 'NamespaceTerminating';
  // An API that is not installed returns 404 without an object name, as text or as a Status.
  if (httpCode === 404 && status.details?.name === undefined) return 'ApiNotServed';
  // A webhook may return any text, which must not become a metric label.
  if (isOneOf(errorReasons.kubernetes, status.reason)) return status.reason;
  return httpCode >= 500 ? 'InternalError' : 'Refused';
}

function parseStatus(body: string): ApiStatus | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Limits foreign text in an error to one line of printable characters. */
export function boundedText(text: string): string {
  const line = text
    .slice(0, 4 * maxMessage)
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length > maxMessage ? `${line.slice(0, maxMessage - 1)}…` : line;
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3): seconds or a date. */
function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined || header === '') return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
}

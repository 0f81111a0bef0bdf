import { status } from '@grpc/grpc-js';
import type { CertfleetError, ErrorCode } from '@certfleet/shared/errors.ts';

const statusByCode: Readonly<Record<ErrorCode, status>> = {
  'invalid-argument': status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  'already-exists': status.ALREADY_EXISTS,
  'permission-denied': status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  'resource-exhausted': status.RESOURCE_EXHAUSTED,
  'failed-precondition': status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  cancelled: status.CANCELLED,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  'deadline-exceeded': status.DEADLINE_EXCEEDED,
};

/** The gRPC status of an error: its code and its message, which by CertfleetError's rule holds no secret. */
export function rpcStatus(error: CertfleetError): { code: status; details: string } {
  return { code: statusByCode[error.code], details: error.message };
}

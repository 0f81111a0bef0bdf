import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { grpcStatus } from '@certfleet/shared/grpc-status.ts';

/** Converts any thrown value to a gRPC error. */
export function rpcError(thrown: unknown): ServiceError {
  const { code, message } = asCertfleetError(thrown);
  // An unexpected error may contain secrets.
  const details = code === 'internal' ? 'internal error' : message;
  return Object.assign(new Error(details), { code: grpcStatus[code], details, metadata: new Metadata() });
}

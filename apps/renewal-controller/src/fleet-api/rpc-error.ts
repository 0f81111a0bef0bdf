import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { grpcStatus } from '@certfleet/shared/grpc-status.ts';

/** Any thrown value as what gRPC sends. */
export function rpcError(thrown: unknown): ServiceError {
  const { code, message } = asCertfleetError(thrown);
  // An error that we did not foresee may quote anything.
  const details = code === 'internal' ? 'internal error' : message;
  return Object.assign(new Error(details), { code: grpcStatus[code], details, metadata: new Metadata() });
}

import { isOneOf, refusedReasons } from '@certfleet/shared/error-reasons.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import type { Volume } from './volume.ts';

/**
 * After these the kubelet takes the mount for uncertain, and unpublishes it when the pod goes; after any other error it
 * does not, and nothing of the volume might be kept for a next try that may never come.
 */
const uncertainCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'cancelled',
  'deadline-exceeded',
  'unavailable',
  'resource-exhausted',
  'aborted',
]);

/** Tells the kubelet in any case that the volume exists: it comes back, or unpublishes when the pod goes. */
export function asUncertain(error: CertfleetError): CertfleetError {
  if (uncertainCodes.has(error.code)) return error;
  const { reason, retryAfterMs } = error;
  return new CertfleetError('unavailable', error.message, {
    cause: error,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** Why a publish makes no request now: the last one was refused, and the next is for later. */
export function backingOff({ record: { lastFailure } }: Volume): CertfleetError {
  const next =
    lastFailure?.retryAt === undefined ? '' : `; the next request is made at ${lastFailure.retryAt.toISOString()}`;
  const reason = lastFailure?.reason;
  const details = isOneOf(refusedReasons, reason) ? { reason } : {};
  return new CertfleetError('unavailable', `${lastFailure?.message ?? 'refused'}${next}`, details);
}

/** Something that is not this volume is mounted where it belongs. */
export function occupiedTarget(volumeId: string, targetPath: string): CertfleetError {
  const message =
    `something else than volume ${volumeId} is mounted at ${targetPath}, perhaps from an earlier data directory of the ` +
    'driver; it is left alone because a pod may be using it: delete the pod to get a new volume';
  return new CertfleetError('unavailable', message);
}

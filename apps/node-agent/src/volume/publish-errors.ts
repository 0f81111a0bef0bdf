import { isOneOf, refusedReasons } from '@certfleet/shared/error-reasons.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import type { Volume } from './volume.ts';

/**
 * After these codes, the kubelet regards the mount as uncertain and unpublishes it when the pod is deleted. After any
 * other code it does not, so the volume would have to be removed at once.
 */
const uncertainCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'cancelled',
  'deadline-exceeded',
  'unavailable',
  'resource-exhausted',
  'aborted',
]);

/** Gives an error a code after which the kubelet retries the publish, or unpublishes when the pod is deleted. */
export function asUncertain(error: CertfleetError): CertfleetError {
  if (uncertainCodes.has(error.code)) return error;
  const { reason, retryAfterMs } = error;
  return new CertfleetError('unavailable', error.message, {
    cause: error,
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

/** The error of a publish during the wait after a refused request. */
export function backingOff({ record: { lastFailure } }: Volume): CertfleetError {
  const next =
    lastFailure?.retryAt === undefined ? '' : `; the next request is made at ${lastFailure.retryAt.toISOString()}`;
  const reason = lastFailure?.reason;
  const details = isOneOf(refusedReasons, reason) ? { reason } : {};
  return new CertfleetError('unavailable', `${lastFailure?.message ?? 'refused'}${next}`, details);
}

/** The error of a publish whose target is occupied by another mount. */
export function occupiedTarget(volumeId: string, targetPath: string): CertfleetError {
  const message =
    `something other than volume ${volumeId} is mounted at ${targetPath}, perhaps from an earlier data directory of the ` +
    'driver; the agent does not mount over it, because a pod may use it: delete the pod to get a new volume';
  return new CertfleetError('unavailable', message);
}

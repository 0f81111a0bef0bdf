import type { ErrorReason } from '@certfleet/shared/error-reasons.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';

interface Refusal {
  readonly code: ErrorCode;
  readonly reason: ErrorReason;
  readonly hint: string;
}

/** Adds the remedy to the error of a create that the API server refused; returns any other error unchanged. */
export function explainRefusal(error: CertfleetError, namespace: string): CertfleetError {
  const refusal = classify(error, namespace);
  if (refusal === undefined) return error;
  // A webhook or policy may decide differently when the cluster's state changes, but not on an immediate retry.
  const details = { reason: refusal.reason, retryable: false, cause: error };
  return new CertfleetError(refusal.code, `${refusal.hint}: ${error.message}`, details);
}

function classify(error: CertfleetError, namespace: string): Refusal | undefined {
  if (error.reason === 'NamespaceTerminating') {
    return {
      code: 'failed-precondition',
      reason: 'NamespaceTerminating',
      hint: `namespace ${namespace} is being deleted`,
    };
  }
  if (error.reason === 'ApiNotServed') {
    return {
      code: 'failed-precondition',
      reason: 'CertManagerMissing',
      hint: "cert-manager's CertificateRequest API is not installed in this cluster",
    };
  }
  // RBAC names the missing verb; admission plugins also return 403, with other messages.
  if (error.code === 'permission-denied' && error.message.includes('cannot create resource')) {
    return {
      code: 'permission-denied',
      reason: 'RequestForbidden',
      hint: `missing permission to create certificaterequests.cert-manager.io in namespace ${namespace}`,
    };
  }
  if (error.code === 'invalid-argument' || error.code === 'permission-denied') {
    return { code: 'failed-precondition', reason: 'RequestRejected', hint: 'the certificate request was rejected' };
  }
  return undefined;
}

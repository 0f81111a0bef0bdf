import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';

interface Refusal {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint: string;
}

/** The error of a create that the API server refused, with what to do about it; any other error as it is. */
export function explainRefusal(error: CertfleetError, namespace: string): CertfleetError {
  const refusal = classify(error, namespace);
  if (refusal === undefined) return error;
  // A webhook's or policy's answer may change with the cluster's state, but not by asking again at once.
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
  // RBAC names the missing verb; admission plugins answer 403 too, in words of their own.
  if (error.code === 'permission-denied' && error.message.includes('cannot create resource')) {
    return {
      code: 'permission-denied',
      reason: 'RequestForbidden',
      hint: `expected the right to create certificaterequests.cert-manager.io in namespace ${namespace}`,
    };
  }
  if (error.code === 'invalid-argument' || error.code === 'permission-denied') {
    return { code: 'failed-precondition', reason: 'RequestRejected', hint: 'the certificate request was rejected' };
  }
  return undefined;
}

/**
 * Every reason that a CertfleetError can have, by the part that fails. Reasons appear in logs, metric labels and
 * Kubernetes Events, so the set is fixed. Reasons from outside (reports of agents, records on disk) are strings; compare
 * them with `isOneOf`.
 */
export const errorReasons = {
  /** Refusals by the Kubernetes API: metav1.StatusReason, and two that its responses imply. */
  kubernetes: [
    'AlreadyExists',
    'BadRequest',
    'Conflict',
    'Expired',
    'Forbidden',
    'Gone',
    'InternalError',
    'Invalid',
    'MethodNotAllowed',
    'NotFound',
    'RequestEntityTooLarge',
    'ServerTimeout',
    'ServiceUnavailable',
    'StoreReadError',
    'Timeout',
    'TooManyRequests',
    'Unauthorized',
    'UnsupportedMediaType',
    'ApiNotServed',
    'Refused',
  ],
  connection: ['ConnectionRefused', 'ConnectionLost', 'RequestTimeout', 'ResponseTooLarge', 'MalformedResponse'],
  issuance: [
    'RequestDenied',
    'RequestFailed',
    'RequestPending',
    'RequestUnapproved',
    'RequestRejected',
    'RequestForbidden',
    'RequestForeign',
    'RequestStale',
    'RequestDeleted',
    'CertManagerMissing',
    'NamespaceTerminating',
    'InvalidCertificate',
    'CertificateNotYetValid',
    'GatePending',
    'PodAddressPending',
    'TrustSourceFailed',
    'TokenMissing',
  ],
  volume: ['InvalidAttributes', 'MountFailed', 'ForeignVolume', 'DamagedVolume', 'StorageFull'],
  node: ['NotInMemory', 'MountNotShared', 'DataRootChanged', 'DataRootLocked', 'ScriptsMissing'],
  fleet: [
    'Superseded',
    'SessionEnded',
    'Revoked',
    'NotConnected',
    'ChannelForbidden',
    'AclForbidden',
    'UnknownLayout',
    'UnknownCa',
  ],
  operators: [
    'ReviewUnavailable',
    'ReviewsBusy',
    'TooManyFailures',
    'SessionExpired',
    'ForeignRequest',
    'NoRight',
    'Partial',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The reasons of some groups of the table. */
export type ReasonOf<Group extends keyof typeof errorReasons> = (typeof errorReasons)[Group][number];

export type ErrorReason = ReasonOf<keyof typeof errorReasons>;

/** The reason of a failed issuance in records, reports and job results. */
export type FailureReason = ErrorReason | 'IssuanceFailed';

/** Failures that the same request would cause again. */
export const refusedReasons: readonly ErrorReason[] = ['RequestDenied', 'RequestFailed', 'InvalidCertificate'];

/** Whether a reason, possibly from outside, is one of these. */
export function isOneOf<Reason extends ErrorReason>(
  reasons: readonly Reason[],
  reason: string | undefined,
): reason is Reason {
  return (reasons as readonly (string | undefined)[]).includes(reason);
}

/** The reason to record for a failed issuance. */
export function failureReasonOf({ reason }: { readonly reason: ErrorReason | undefined }): FailureReason {
  return reason ?? 'IssuanceFailed';
}

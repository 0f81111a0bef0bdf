import type { ErrorReason, FailureReason, ReasonOf } from '@certfleet/shared/error-reasons.ts';
import type { IssuanceResult } from '../observability/agent-metrics.ts';

/** The type of an Event reason and its documentation. */
export interface EventReason {
  readonly type: 'Normal' | 'Warning';
  readonly meaning: string;
}

/** Every reason of the agent's Events. */
export const eventReasons = {
  Issued: { type: 'Normal', meaning: 'The first certificate was issued.' },
  Renewed: { type: 'Normal', meaning: 'The certificate was renewed in place.' },
  RenewalFailed: {
    type: 'Warning',
    meaning:
      'A renewal failed; the current files stay in place. The message has their expiry and the time of the next attempt.',
  },
  InvalidAttributes: {
    type: 'Warning',
    meaning: 'The volume attributes are invalid; the message lists every problem.',
  },
  UnknownAttribute: { type: 'Warning', meaning: 'An attribute is accepted but is probably a mistake.' },
  RequestDenied: {
    type: 'Warning',
    meaning: 'An approver denied the CertificateRequest; the message has the time of the next request.',
  },
  RequestFailed: {
    type: 'Warning',
    meaning: 'The issuer rejected the CertificateRequest permanently; the message has the time of the next request.',
  },
  RequestPending: {
    type: 'Warning',
    meaning:
      'The issuer has not answered the CertificateRequest yet, or does not exist; the agent keeps the request and waits.',
  },
  RequestUnapproved: {
    type: 'Warning',
    meaning: 'The CertificateRequest waits for approval; the agent keeps the request and waits.',
  },
  RequestReplaced: {
    type: 'Warning',
    meaning:
      'The issuer did not answer the CertificateRequest for a long time, or a CA rotation has removed the CA of its ' +
      'certificate before the agent could write it; the agent replaced it by a new request.',
  },
  CertificateNotYetValid: {
    type: 'Warning',
    meaning: "The new certificate's not-before is in the future: the clock of the issuer or of the node is wrong.",
  },
  CertificateNotLoaded: {
    type: 'Warning',
    meaning:
      'The certificate was renewed, but the probed port of the pod still serves another one: its server must reload.',
  },
  ReloadFailed: {
    type: 'Warning',
    meaning:
      'The files changed, but a container could not be signalled (attribute reload-signal); the message has the cause.',
  },
  CaMissing: {
    type: 'Warning',
    meaning: 'The issuer sent no CA: after a renewal, the CA file is unchanged; a first truststore is empty.',
  },
  NamesMissing: {
    type: 'Warning',
    meaning:
      'The certificate lacks names that the request had: the issuer dropped or replaced them. The certificate is used, as csi-driver does; TLS peers that use these names will reject it.',
  },
  NamesAdded: {
    type: 'Normal',
    meaning: 'The issuer added names that the request did not have; the certificate is used.',
  },
  TrustUpdated: {
    type: 'Normal',
    meaning: 'The CA file was updated, because a source of additional trust changed; the certificate stays the same.',
  },
  TrustSourceFailed: {
    type: 'Warning',
    meaning:
      'A source of additional trust is missing or invalid: a new pod waits; for a running one, the certificates that it gave last stay in the CA file.',
  },
  RequestRejected: {
    type: 'Warning',
    meaning: 'The API server, a webhook or a policy rejected the CertificateRequest.',
  },
  RequestForbidden: { type: 'Warning', meaning: 'RBAC does not allow the CertificateRequest to be created.' },
  RequestForeign: {
    type: 'Warning',
    meaning: 'A CertificateRequest of this name exists but belongs to a different volume.',
  },
  RequestDeleted: { type: 'Warning', meaning: 'The CertificateRequest was deleted before the issuer answered it.' },
  CertManagerMissing: { type: 'Warning', meaning: "cert-manager's API is not installed in the cluster." },
  NamespaceTerminating: { type: 'Warning', meaning: "The pod's namespace is being deleted." },
  InvalidCertificate: {
    type: 'Warning',
    meaning: "The issuer returned no valid certificate for the volume's key.",
  },
  GatePending: {
    type: 'Warning',
    meaning: 'A readiness gate delays the first certificate; the message names the gate.',
  },
  PodAddressPending: {
    type: 'Warning',
    meaning:
      "An attribute uses the pod's addresses, and the pod has none yet; the volume is mounted and gets its certificate when they are known.",
  },
  TokenMissing: {
    type: 'Warning',
    meaning: "Token-request mode is on, but the kubelet sent no token of the pod's service account.",
  },
  MountFailed: {
    type: 'Warning',
    meaning:
      'The certificate was issued but could not be mounted, for example because another mount occupies the target.',
  },
  IssuanceFailed: { type: 'Warning', meaning: 'Any other failure; the message has the details.' },
} as const satisfies Readonly<Record<string, EventReason>>;

export type EventReasonName = keyof typeof eventReasons;

/** The reasons that Events and the failure metric share. */
type FailureEvent = EventReasonName & FailureReason;

interface FailureLabels {
  /** The reason of the Event and of the failure metric. */
  readonly event: FailureEvent;
  /** The result label of the issuance metric. */
  readonly result: IssuanceResult;
}

/**
 * The result label by reason of issuances and volumes. Reasons without one have no Event of their own, as those of all
 * other groups, which do not concern the pod.
 */
const resultByReason = {
  RequestDenied: 'denied',
  RequestFailed: 'failed',
  RequestPending: 'pending',
  RequestUnapproved: 'pending',
  RequestRejected: 'failed',
  RequestForbidden: 'error',
  RequestForeign: 'error',
  RequestStale: undefined,
  RequestDeleted: 'error',
  CertManagerMissing: 'error',
  NamespaceTerminating: 'error',
  InvalidCertificate: 'invalid',
  CertificateNotYetValid: 'pending',
  GatePending: 'pending',
  PodAddressPending: 'pending',
  TrustSourceFailed: 'pending',
  TokenMissing: 'error',
  InvalidAttributes: 'error',
  MountFailed: 'error',
  ForeignVolume: undefined,
  DamagedVolume: undefined,
  StorageFull: undefined,
} as const satisfies Readonly<Record<ReasonOf<'issuance' | 'volume'> & FailureEvent, IssuanceResult>> &
  Readonly<Record<ReasonOf<'issuance' | 'volume'>, IssuanceResult | undefined>>;

/** The Event and metric labels of a failure. */
export function failureLabels({ reason }: { readonly reason: ErrorReason | undefined }): FailureLabels {
  return reason !== undefined && hasResult(reason)
    ? { event: reason, result: resultByReason[reason] }
    : { event: 'IssuanceFailed', result: 'error' };
}

function hasResult(reason: ErrorReason): reason is keyof typeof resultByReason & FailureEvent {
  return Object.hasOwn(resultByReason, reason) && resultByReason[reason as keyof typeof resultByReason] !== undefined;
}

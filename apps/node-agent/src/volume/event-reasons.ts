/** What an Event's reason means to its reader. */
export interface EventReason {
  readonly type: 'Normal' | 'Warning';
  readonly meaning: string;
}

/** Every reason that the agent's Events carry; errors from elsewhere become IssuanceFailed. */
export const eventReasons = {
  Issued: { type: 'Normal', meaning: 'The first certificate was issued.' },
  Renewed: { type: 'Normal', meaning: 'The certificate was renewed in place.' },
  RenewalFailed: {
    type: 'Warning',
    meaning: 'A renewal failed; the old files stay. The message has their not-after and the time of the next attempt.',
  },
  InvalidAttributes: {
    type: 'Warning',
    meaning: 'The volume attributes were refused; the message lists every mistake.',
  },
  UnknownAttribute: { type: 'Warning', meaning: 'An attribute is legal but looks like a mistake.' },
  RequestDenied: {
    type: 'Warning',
    meaning: 'An approver denied the CertificateRequest; the message has the time of the next request.',
  },
  RequestFailed: {
    type: 'Warning',
    meaning: 'The issuer failed the CertificateRequest for good; the message has the time of the next request.',
  },
  RequestPending: {
    type: 'Warning',
    meaning:
      'The issuer has not answered the CertificateRequest yet, or does not exist; the request is kept and waited for.',
  },
  RequestUnapproved: {
    type: 'Warning',
    meaning: 'The CertificateRequest waits for an approver; it is kept and waited for.',
  },
  RequestReplaced: {
    type: 'Warning',
    meaning: 'The issuer did not answer the CertificateRequest for a long time; a new request replaces it.',
  },
  CertificateNotYetValid: {
    type: 'Warning',
    meaning: "The new certificate's not-before is in the future: the clock of the issuer or of the node is wrong.",
  },
  CaMissing: {
    type: 'Warning',
    meaning: 'The issuer sent no CA with a renewal; the CA file stays as it was.',
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
  RequestDeleted: { type: 'Warning', meaning: 'The CertificateRequest was deleted before it was answered.' },
  CertManagerMissing: { type: 'Warning', meaning: "cert-manager's API is not installed in the cluster." },
  NamespaceTerminating: { type: 'Warning', meaning: "The pod's namespace is being deleted." },
  InvalidCertificate: {
    type: 'Warning',
    meaning: "The issuer's answer is not a valid certificate for the volume's key.",
  },
  GatePending: { type: 'Warning', meaning: 'A readiness gate delays the first certificate; the message says which.' },
  TokenMissing: {
    type: 'Warning',
    meaning: "Token-request mode is on, but the kubelet sent no token of the pod's service account.",
  },
  MountFailed: {
    type: 'Warning',
    meaning: 'The certificate was issued but could not be mounted, such as where another mount occupies the target.',
  },
  IssuanceFailed: { type: 'Warning', meaning: 'Any other failure; the message says what.' },
} as const satisfies Readonly<Record<string, EventReason>>;

/** One of the reasons. */
export type EventReasonName = keyof typeof eventReasons;

/** The reason of an Event for an error: its own when it is one of ours. */
export function eventReasonOf(reason: string | undefined): EventReasonName {
  return reason !== undefined && Object.hasOwn(eventReasons, reason) ? (reason as EventReasonName) : 'IssuanceFailed';
}

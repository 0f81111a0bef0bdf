/** What an Event's reason means to its reader. */
export interface EventReason {
  readonly type: 'Normal' | 'Warning';
  readonly meaning: string;
}

/** Every reason that the agent's Events carry; errors from elsewhere become IssuanceFailed. */
export const eventReasons = {
  Issued: { type: 'Normal', meaning: 'The first certificate is there.' },
  Renewed: { type: 'Normal', meaning: 'The certificate was renewed in place.' },
  RenewalFailed: {
    type: 'Warning',
    meaning: 'A renewal failed; the old files stay, the message says until when and when the next try is.',
  },
  InvalidAttributes: {
    type: 'Warning',
    meaning: 'The volume attributes were refused; the message names every mistake.',
  },
  DoubtfulAttribute: { type: 'Warning', meaning: 'An attribute is legal but looks like a mistake.' },
  RequestDenied: { type: 'Warning', meaning: 'An approver denied the CertificateRequest.' },
  RequestFailed: { type: 'Warning', meaning: 'The issuer gave up on the CertificateRequest.' },
  RequestPending: {
    type: 'Warning',
    meaning: 'The CertificateRequest was not answered in time; it is kept and waited for again.',
  },
  RequestUnapproved: {
    type: 'Warning',
    meaning: 'The CertificateRequest waits for an approver; it is kept and waited for again.',
  },
  RequestReplaced: {
    type: 'Warning',
    meaning: 'The issuer did not answer the CertificateRequest for a long time; one under a new name replaces it.',
  },
  CertificateNotYetValid: {
    type: 'Warning',
    meaning: "The new certificate's not-before lies ahead: the clock of the issuer or of the node is wrong.",
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
  RequestForeign: { type: 'Warning', meaning: "Somebody else's CertificateRequest occupies the name." },
  RequestDeleted: { type: 'Warning', meaning: 'The CertificateRequest was deleted before it was answered.' },
  CertManagerMissing: { type: 'Warning', meaning: "cert-manager's API is not installed in the cluster." },
  NamespaceTerminating: { type: 'Warning', meaning: "The pod's namespace is being deleted." },
  InvalidCertificate: {
    type: 'Warning',
    meaning: "The issuer's answer is not a valid certificate for the volume's key.",
  },
  GatePending: { type: 'Warning', meaning: 'A readiness gate holds up the first certificate; the message says which.' },
  TokenMissing: {
    type: 'Warning',
    meaning: "Token-request mode is on, but the kubelet sent no token of the pod's service account.",
  },
  MountFailed: { type: 'Warning', meaning: 'The certificate is there but could not be mounted.' },
  IssuanceFailed: { type: 'Warning', meaning: 'Anything else; the message says what.' },
} as const satisfies Readonly<Record<string, EventReason>>;

/** One of the reasons. */
export type EventReasonName = keyof typeof eventReasons;

/** The reason of an Event for an error: its own when it is one of ours. */
export function eventReasonOf(reason: string | undefined): EventReasonName {
  return reason !== undefined && Object.hasOwn(eventReasons, reason) ? (reason as EventReasonName) : 'IssuanceFailed';
}

/** Reasons of the condition Denied. The first two are those of the API; a denial is final for the pod. */
export type DenialReason =
  | 'UnsupportedKeyType'
  | 'InvalidUnverifiedUserAnnotations'
  | 'InvalidProofOfPossession'
  | 'IdentityNotAllowed'
  | 'InvalidNames';

/** Texts of a pod's author may be in a message, which goes to the status of the request and to the log. */
const maxMessage = 1_024;

/** A refusal by the policy. */
export class Denial extends Error {
  override readonly name = 'Denial';
  readonly reason: DenialReason;

  constructor(reason: DenialReason, message: string) {
    super(message.slice(0, maxMessage));
    this.reason = reason;
  }
}

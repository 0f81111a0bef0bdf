/** Reasons of the condition Denied. The first two are those of the API; a denial is final for the pod. */
export type DenialReason =
  | 'UnsupportedKeyType'
  | 'InvalidUnverifiedUserAnnotations'
  | 'InvalidProofOfPossession'
  | 'IdentityNotAllowed'
  | 'InvalidNames';

/** A refusal by the policy. */
export class Denial extends Error {
  override readonly name = 'Denial';
  readonly reason: DenialReason;

  constructor(reason: DenialReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

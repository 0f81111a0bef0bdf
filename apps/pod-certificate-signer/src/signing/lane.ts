/** Decides when the requests of one issuer are signed. */
export interface Lane {
  /**
   * The milliseconds until a request may be signed; with 0 it is started. Infinity: after `settled`. Windows and pauses
   * do not delay an urgent request.
   */
  admit(isUrgent: boolean): number;
  /** A started request has ended: signed, failed at the issuer, or ended for another reason. */
  settled(result: 'signed' | 'failed' | 'ended'): void;
}

/** The requests of a queue that wait for the lane. */
export interface Demand {
  /** Of pods that start, and refreshes that have waited for too long. */
  readonly urgent: number;
  readonly refreshes: number;
}

/** A queue that uses a lane, perhaps together with others. */
export interface LaneMember {
  readonly demand: () => Demand;
  /** The lane may admit a request that it has delayed. */
  readonly wake: () => void;
}

/** A request in a lane. `uid` is that of the PodCertificateRequest. */
export interface LaneRequest {
  readonly uid: string;
  /** Windows and pauses do not delay it. */
  readonly isUrgent: boolean;
}

/** How a started request has ended: signed, failed at the issuer, or ended for another reason. */
export interface LaneResult {
  readonly uid: string;
  readonly result: 'signed' | 'failed' | 'ended';
  /** Message of a failure. */
  readonly error?: string | undefined;
  /** How long the issuer asked to wait, in milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Decides when the requests of one issuer are signed. */
export interface Lane {
  /** @returns the function that ends the membership */
  join(member: LaneMember): () => void;
  /**
   * The milliseconds until a request may be signed; with 0 it is started. Infinity: after `settled`, or when the lane wakes
   * its members.
   */
  admit(request: LaneRequest): number;
  /** A started request has ended. */
  settled(result: LaneResult): void;
}

/** A time in which a lane renews: from each moment that the cron expression names, for as long as said. */
export interface WindowPolicy {
  /** Five or six fields, as cron takes them. */
  readonly cron: string;
  readonly durationMs: number;
  /** IANA name; UTC when absent. */
  readonly timeZone?: string;
}

/** What a lane does when its issuer fails. */
interface LaneBackoff {
  /**
   * Failures in a row, without a success between, that make it the issuer's fault: of different nodes (two at least) for
   * the whole lane, of different volumes for the renewals of one node.
   */
  readonly threshold: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** The pace that an issuer can bear. */
export interface LanePolicy {
  /** Renewals started a second, in the long run; 0 for no limit. */
  readonly ratePerSecond: number;
  /** Renewals that may start at once after a rest. */
  readonly burst: number;
  /** Renewals started and not yet answered. */
  readonly maxInFlight: number;
  /** How long a renewal without an answer takes a place, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** Over which part of a certificate's lifetime before renew-at equal certificates are spread, 0 to 0.5. */
  readonly jitter: number;
  /** The longest such spread, in milliseconds. */
  readonly maxJitterMs: number;
  /** Lanes with a higher priority are looked at first, 0 to 9. */
  readonly priority: number;
  /** Empty: always open. */
  readonly windows: readonly WindowPolicy[];
  readonly backoff: LaneBackoff;
}

/** The pace of an issuer of which nothing else is said. */
export const defaultLanePolicy: LanePolicy = {
  ratePerSecond: 10,
  burst: 20,
  maxInFlight: 50,
  answerTimeoutMs: 60_000,
  jitter: 0.05,
  maxJitterMs: 12 * 3_600_000,
  priority: 5,
  windows: [],
  backoff: { threshold: 3, initialMs: 5_000, maxMs: 600_000 },
};

/** A policy for the issuers that a pattern names; what it does not say, the defaults say. */
export interface LaneOverride {
  /** Matched against the whole issuer key, `kind.group/namespace/name`; `*` stands for any text. */
  readonly issuer: string;
  readonly policy: Partial<LanePolicy>;
}

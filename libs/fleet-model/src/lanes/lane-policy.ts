/** A time in which a lane renews: it begins at each time of the cron expression and lasts for the duration. */
export interface WindowPolicy {
  /** Five or six fields. */
  readonly cron: string;
  readonly durationMs: number;
  /** IANA name; default UTC. */
  readonly timeZone?: string;
}

/** The back-off of a lane whose issuer fails. */
interface LaneBackoff {
  /**
   * Consecutive failures, without a success in between, that start the back-off: of different nodes (two at least) for
   * the whole lane, of different volumes for the renewals of one node.
   */
  readonly threshold: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** The limits of an issuer. */
export interface LanePolicy {
  /** Average number of renewals started per second; 0 for no limit. */
  readonly ratePerSecond: number;
  /** Renewals that may start at once after an idle time. */
  readonly burst: number;
  /** Maximum number of renewals started and without a result. */
  readonly maxInFlight: number;
  /** How long a renewal without a result keeps its slot, in milliseconds. */
  readonly answerTimeoutMs: number;
  /** The part of the lifetime before renew-at over which equal certificates are spread, 0 to 0.5. */
  readonly jitter: number;
  /** The maximum of that spread, in milliseconds. */
  readonly maxJitterMs: number;
  /** Lanes with a higher priority are processed first, 0 to 9. */
  readonly priority: number;
  /** Empty: always open. */
  readonly windows: readonly WindowPolicy[];
  readonly backoff: LaneBackoff;
}

/** The policy of an issuer without an override. */
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

/** A policy for the issuers that a pattern matches; missing fields have the defaults. */
export interface LaneOverride {
  /** Matched against the whole issuer key, `kind.group/namespace/name`; `*` matches any text. */
  readonly issuer: string;
  readonly policy: Partial<LanePolicy>;
}

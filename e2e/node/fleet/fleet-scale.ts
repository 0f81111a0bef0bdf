/** The size of a run of the fleet's suites. */
export interface FleetScale {
  /** Pods with long-lived certificates, which are renewed on request. */
  readonly crowd: number;
  /** The limits of their issuer's lane: in flight below the four concurrent renewals of one node. */
  readonly lane: { readonly ratePerSecond: number; readonly burst: number; readonly maxInFlight: number };
  /** Pods of each of the two Deployments whose CA is replaced beside theirs. */
  readonly replicas: number;
  /** Between two handshakes of these pods. */
  readonly betweenHandshakesMs: number;
}

/** For `npm test`: the lane needs about as long as in the full scale, and each pair of pods connects as often. */
export const smallFleet: FleetScale = {
  crowd: 10,
  lane: { ratePerSecond: 2, burst: 1, maxInFlight: 3 },
  replicas: 2,
  betweenHandshakesMs: 100,
};

/** For `npm run test:slow`. */
export const fullFleet: FleetScale = {
  crowd: 50,
  lane: { ratePerSecond: 5, burst: 1, maxInFlight: 3 },
  replicas: 5,
  betweenHandshakesMs: 20,
};

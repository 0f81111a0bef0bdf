const rotationPhases = ['Trust', 'Reissue', 'Verify', 'Retire'] as const;
export type RotationPhase = (typeof rotationPhases)[number];

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
  /** In which phases of that rotation each part is lost. */
  readonly lossesIn: readonly RotationPhase[];
  /** In which phases rotations are rolled back. */
  readonly rollbacksIn: readonly RotationPhase[];
  /** The lifetime of the certificate of a server that does not reload: a tenth of it, a minute at most, is left to it. */
  readonly serverLifetime: string;
  /** How long Redis is stopped at least: no less than the lifetime of the shortest certificate. */
  readonly redisOutageMs: number;
}

/** For `npm test`: the lane needs about as long as in the full scale, and each pair of pods connects as often. */
export const smallFleet: FleetScale = {
  crowd: 10,
  lane: { ratePerSecond: 2, burst: 1, maxInFlight: 3 },
  replicas: 2,
  betweenHandshakesMs: 100,
  // Here the lost parts work on requests; in the others they wait. e2e/fleet/rotations.test.ts loses them in all phases.
  lossesIn: ['Reissue'],
  // With certificates of both CAs, and with an old CA that some pods trust no more.
  rollbacksIn: ['Reissue', 'Retire'],
  serverLifetime: '4m',
  redisOutageMs: 30_000,
};

/** For `npm run test:slow`. */
export const fullFleet: FleetScale = {
  crowd: 50,
  lane: { ratePerSecond: 5, burst: 1, maxInFlight: 3 },
  replicas: 5,
  betweenHandshakesMs: 20,
  lossesIn: rotationPhases,
  rollbacksIn: rotationPhases,
  serverLifetime: '24h',
  redisOutageMs: 60_000,
};

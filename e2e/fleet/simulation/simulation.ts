// Simulates a fleet whose certificates are renewed for some minutes, as seen by the agents.
import type { LivedIssuance } from '../support/living-volumes.ts';
import { laneSeen, maxAllowed } from './lane-limits.ts';
import type { LaneLimits } from './lane-limits.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedFleetOptions } from './simulated-fleet.ts';

/** The size of a simulation. */
export interface SimulationOptions extends Pick<SimulatedFleetOptions, 'nodes' | 'volumes' | 'program' | 'hosts'> {
  readonly issuers: number;
  /** Lifetime of each certificate; it is renewed after two thirds. */
  readonly lifetimeMs: number;
  /** The time over which the first renewals of all volumes are spread. */
  readonly spreadMs: number;
  /** Time for all agents to connect and report before the first renewal is due. */
  readonly enrolMs: number;
  /** The number of volumes of an additional issuer, all due at the same time. */
  readonly crowd: number;
}

export interface SimulationResult {
  readonly renewals: number;
  readonly renewalsPerSecond: number;
  /** Renewals by fallback deadline instead of a job. */
  readonly byDeadline: number;
  /** Renewals that completed after not-after. */
  readonly expired: number;
  /** Volumes that were due but not renewed. */
  readonly forgotten: number;
  /** Time from renew-at to the start at the agent, in milliseconds, in lanes that were never full. */
  readonly lateness: { readonly p50: number; readonly p99: number; readonly most: number };
  /** Lanes that exceeded their limits. */
  readonly beyondLimits: readonly string[];
  /** The crowd's: starts in the busiest second and maximum at once. */
  readonly crowd: { readonly maxASecond: number; readonly maxAtOnce: number; readonly seconds: number };
  /** The maximum of Redis connections of one node. */
  readonly connectionsPerNode: number;
}

const usual: LaneLimits = { ratePerSecond: 10, burst: 20, maxInFlight: 50 };
const crowded: LaneLimits = { ratePerSecond: 20, burst: 10, maxInFlight: 10 };
const crowdIssuer = 'crowded';
/** Long enough for the rate to matter more than the burst. */
const windowMs = 5_000;
/** Admission, queue and start at the agent: a late renewal may coincide with an early one within this time. */
const transitMs = 2_000;

/** Runs until every volume's first certificate was due once, and slightly longer. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { volumes, crowd, lifetimeMs, spreadMs, enrolMs, issuers } = options;
  const overrides = [{ issuer: `*/${crowdIssuer}`, policy: crowded }];
  // Without the controller's own spread, a renewal is due at renew-at, so that lateness can be measured.
  const lanePolicies = { defaults: { ...usual, jitter: 0 }, overrides };
  await using fleet = await SimulatedFleet.start({ ...options, issueMs: 150, lanePolicies });
  const startMs = Date.now() + enrolMs;
  await fleet.connect((index) => {
    // The crowd is distributed over all nodes.
    const isInCrowd = index % Math.floor(volumes / crowd) === 0 && index / Math.floor(volumes / crowd) < crowd;
    // Their queue takes longer than a normal certificate could wait.
    if (isInCrowd) return { issuer: crowdIssuer, lifetimeMs: 1_800_000, renewAtMs: startMs + spreadMs / 4 };
    return { issuer: `issuer-${index % issuers}`, lifetimeMs, renewAtMs: startMs + shareOf(index) * spreadMs };
  });
  await fleet.untilIndexed();
  if (Date.now() > startMs) throw new Error(`not all agents had reported within ${enrolMs} ms`);
  const endMs = startMs + spreadMs + 5_000;
  await new Promise((resolve) => setTimeout(resolve, endMs - Date.now()));
  // On a busy machine some of the last renewals may still be in progress, and must also come by job.
  while ((await fleet.hosts.renewed()) < volumes && Date.now() < endMs + lifetimeMs / 6)
    await new Promise((resolve) => setTimeout(resolve, 250));
  const connections = await fleet.connectionsByUser();
  const issuances = await fleet.hosts.issuances();
  const first = new Set(issuances.map(({ volumeId }) => volumeId));
  return {
    ...judge(issuances, (endMs - startMs) / 1000),
    forgotten: volumes - first.size,
    connectionsPerNode: Math.max(...[...connections].filter(([user]) => user !== 'default').map(([, count]) => count)),
  };
}

/**
 * A value from 0 to 1 that differs between neighbours, so that a volume's node and issuer do not determine when it is
 * due.
 */
function shareOf(index: number): number {
  return (index * 0.618_033_988_75) % 1;
}

function judge(
  issuances: readonly LivedIssuance[],
  seconds: number,
): Omit<SimulationResult, 'forgotten' | 'connectionsPerNode'> {
  const byIssuer = Map.groupBy(issuances, ({ issuer }) => issuer);
  const crowd = byIssuer.get(crowdIssuer) ?? [];
  const late = issuances
    .filter(({ issuer }) => issuer !== crowdIssuer)
    .map(({ startedMs, renewAtMs }) => startedMs - renewAtMs)
    .sort((a, b) => a - b);
  const part = (share: number): number => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? NaN;
  const times = crowd.map(({ startedMs }) => startedMs);
  const second = laneSeen(crowd, 1_000);
  return {
    renewals: issuances.length,
    renewalsPerSecond: issuances.length / seconds,
    byDeadline: issuances.filter(({ cause }) => cause === 'deadline').length,
    expired: issuances.filter(({ endedMs, notAfterMs }) => endedMs >= notAfterMs).length,
    lateness: { p50: part(0.5), p99: part(0.99), most: part(1) },
    beyondLimits: [...byIssuer].flatMap(([issuer, some]) => beyond(issuer, some)),
    crowd: {
      maxASecond: second.maxWithinWindow,
      maxAtOnce: second.maxAtOnce,
      seconds: (Math.max(...times) - Math.min(...times)) / 1000,
    },
  };
}

function beyond(issuer: string, issuances: readonly LivedIssuance[]): readonly string[] {
  const limits = issuer === crowdIssuer ? crowded : usual;
  const seen = laneSeen(issuances, windowMs);
  const allowed = maxAllowed(limits, windowMs, transitMs);
  return [
    ...(seen.maxAtOnce > limits.maxInFlight ? [`${issuer}: ${seen.maxAtOnce} at once`] : []),
    ...(seen.maxWithinWindow > allowed ? [`${issuer}: ${seen.maxWithinWindow} in ${windowMs} ms`] : []),
  ];
}

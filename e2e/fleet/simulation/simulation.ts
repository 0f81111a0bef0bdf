// A fleet whose certificates age and are replaced for some minutes, and what its agents saw of it.
import type { LivedIssuance } from '../support/living-volumes.ts';
import { laneSeen, maxAllowed } from './lane-limits.ts';
import type { LaneLimits } from './lane-limits.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import type { SimulatedFleetOptions } from './simulated-fleet.ts';

/** How large a simulation is. */
export interface SimulationOptions extends Pick<SimulatedFleetOptions, 'nodes' | 'volumes' | 'program' | 'hosts'> {
  readonly issuers: number;
  /** Of each certificate; it is renewed after two thirds of it. */
  readonly lifetimeMs: number;
  /** The time over which the first renewals of all volumes are spread. */
  readonly spreadMs: number;
  /** Time for all agents to connect and report before the first renewal is due. */
  readonly enrolMs: number;
  /** Volumes of one more issuer, all due in the same moment. */
  readonly crowd: number;
}

/** What came out. */
export interface SimulationResult {
  readonly renewals: number;
  readonly renewalsPerSecond: number;
  /** By the agents' own deadline in the place of a job. */
  readonly byDeadline: number;
  /** Ended after not-after. */
  readonly expired: number;
  /** Volumes that were due and were not renewed. */
  readonly forgotten: number;
  /** Time from renew-at to the start at the agent, in milliseconds, in lanes that never were full. */
  readonly lateness: { readonly p50: number; readonly p99: number; readonly most: number };
  /** What went beyond its lane's limits. */
  readonly beyondLimits: readonly string[];
  /** The crowd's: starts in the fullest second and most at once. */
  readonly crowd: { readonly maxASecond: number; readonly maxAtOnce: number; readonly seconds: number };
  /** The most connections to Redis that one node had. */
  readonly connectionsPerNode: number;
}

const usual: LaneLimits = { ratePerSecond: 10, burst: 20, maxInFlight: 50 };
const crowded: LaneLimits = { ratePerSecond: 20, burst: 10, maxInFlight: 10 };
const crowdIssuer = 'crowded';
/** Long enough for the rate to count for more than the burst. */
const windowMs = 5_000;
/** Admitted, queued, taken by its agent: what came late meets what came early within it. */
const transitMs = 2_000;

/** Runs until every volume's first certificate was due once, and a little longer. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { volumes, crowd, lifetimeMs, spreadMs, enrolMs, issuers } = options;
  const overrides = [{ issuer: `*/${crowdIssuer}`, policy: crowded }];
  // Without a spread of the controller's own, renew-at is when a renewal is due, and lateness can be told from outside.
  const lanePolicies = { defaults: { ...usual, jitter: 0 }, overrides };
  await using fleet = await SimulatedFleet.start({ ...options, issueMs: 150, lanePolicies });
  const startMs = Date.now() + enrolMs;
  await fleet.connect((index) => {
    // The crowd is spread over all nodes.
    const isInCrowd = index % Math.floor(volumes / crowd) === 0 && index / Math.floor(volumes / crowd) < crowd;
    // Their line lasts longer than a usual certificate could wait.
    if (isInCrowd) return { issuer: crowdIssuer, lifetimeMs: 1_800_000, renewAtMs: startMs + spreadMs / 4 };
    return { issuer: `issuer-${index % issuers}`, lifetimeMs, renewAtMs: startMs + shareOf(index) * spreadMs };
  });
  await fleet.untilIndexed();
  if (Date.now() > startMs) throw new Error(`expected all agents to have reported within ${enrolMs} ms`);
  const endMs = startMs + spreadMs + 5_000;
  await new Promise((resolve) => setTimeout(resolve, endMs - Date.now()));
  // On a machine that is busy with other things some of the last may still be on their way, and must come by job too.
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

/** A place from 0 to 1, unlike the neighbour's: a volume's node and issuer say nothing of when it is due. */
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

import type { Clock } from '@certfleet/shared/clock.ts';
import type { RenewalDispatcher } from '../dispatch/renewal-dispatcher.ts';
import type { FleetCensus } from '../fleet-index/fleet-census.ts';
import { weighUrgency } from '../fleet-index/fleet-urgency.ts';
import type { FleetUrgency } from '../fleet-index/fleet-urgency.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import type { LaneDepth } from '../lanes/lane-depth.ts';
import type { RedisHealth } from '../redis/redis-health.ts';

/** What the index says. */
export interface IndexSnapshot {
  readonly census: FleetCensus;
  readonly urgency: FleetUrgency;
  readonly nodes: { readonly online: number; readonly silent: number };
}

/** What the gauges show. */
export interface ControllerSnapshot {
  readonly atMs: number;
  /** Undefined while the index is not loaded or cannot be followed: old counts would tell of trouble that is over. */
  readonly index: IndexSnapshot | undefined;
  readonly agentsConnected: number;
  /** Undefined while Redis is away, as the lanes. */
  readonly jobs: { readonly delayed: number; readonly waiting: number; readonly active: number } | undefined;
  readonly lanes: readonly LaneDepth[] | undefined;
  readonly redis: RedisHealth;
}

/** Where a snapshot is taken from. */
export interface SnapshotSources {
  readonly clock: Clock;
  readonly dispatcher: () => Pick<RenewalDispatcher, 'due' | 'lanes'>;
  readonly index: { readonly view: FleetView; readonly isCurrent: boolean };
  readonly connections: { readonly health: RedisHealth };
  readonly agentsConnected: () => number;
  readonly silentAfterMs: number;
}

/** A Redis that is slow must not hold up the scrape that would tell of it. */
const patienceMs = 2_000;

/** Looks at everything once: one pass over the index, and some calls to Redis unless it is away. Never rejects. */
export async function takeSnapshot(sources: SnapshotSources): Promise<ControllerSnapshot> {
  const { clock, index, connections } = sources;
  const redis = connections.health;
  const { due, lanes } = sources.dispatcher();
  const { promise: stopWaiting, resolve } = Promise.withResolvers<undefined>();
  const cancel = clock.schedule(patienceMs, () => resolve(undefined));
  const ifReachable = async <T>(read: () => Promise<T>): Promise<T | undefined> =>
    redis.reachable ? await Promise.race([read().catch(() => undefined), stopWaiting]) : undefined;
  const [jobs, depths] = await Promise.all([
    ifReachable(() => due.counts()),
    ifReachable(() => lanes.depths(clock.now())),
  ]);
  cancel();
  const atMs = clock.now();
  return {
    atMs,
    index: index.isCurrent && redis.reachable ? indexSnapshot(index.view, atMs, sources.silentAfterMs) : undefined,
    agentsConnected: sources.agentsConnected(),
    jobs,
    lanes: depths,
    redis,
  };
}

function indexSnapshot(view: FleetView, nowMs: number, silentAfterMs: number): IndexSnapshot {
  // A node that was never heard of is one whose first heartbeat this replica has not read yet.
  const silent = view.silentNodes(nowMs, silentAfterMs).filter(({ lastSeenMs }) => lastSeenMs > 0);
  return {
    census: view.takeCensus(nowMs),
    urgency: weighUrgency(view.volumes(), nowMs, new Set(silent.map(({ node }) => node))),
    nodes: { silent: silent.length, online: view.nodes().length - silent.length },
  };
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { RenewalDispatcher } from '../dispatch/renewal-dispatcher.ts';
import { StatsAggregator } from '../fleet-index/fleet-stats.ts';
import type { FleetStats, VolumeTally } from '../fleet-index/fleet-stats.ts';
import { weighUrgency } from '../fleet-index/fleet-urgency.ts';
import type { FleetUrgency } from '../fleet-index/fleet-urgency.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import type { LaneDepth } from '../lanes/lane-depth.ts';
import type { IndexedVolume } from '../fleet-index/indexed-volume.ts';
import { issuerKey } from '../fleet-index/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/indexed-volume.ts';
import type { RedisHealth } from '../redis/redis-health.ts';
import type { IssuerReporter, Reporters } from './issuer-names.ts';

/** What the index says. */
export interface IndexSnapshot {
  /** Of the volumes on nodes that were heard of lately, as the urgency. */
  readonly stats: FleetStats;
  readonly urgency: FleetUrgency;
  /** Volumes on silent nodes: whether their pods still run nobody can say. */
  readonly silent?: VolumeTally;
  readonly reporters?: Reporters;
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
  const silentNodes = view.silentNodes(nowMs, silentAfterMs).filter(({ lastSeenMs }) => lastSeenMs > 0);
  const silent = new Set(silentNodes.map(({ node }) => node));
  const nodes = view.nodes();
  const [heardTaker, silentTaker] = [new StatsAggregator(nowMs), new StatsAggregator(nowMs)];
  const reporters = new ReporterTally();
  const heard: IndexedVolume[] = [];
  for (const { node } of nodes) {
    const isSilent = silent.has(node);
    const taker = isSilent ? silentTaker : heardTaker;
    const tally = taker.node(node);
    view.scan(nowMs, node, (volume, status) => {
      taker.count(volume, status, tally);
      reporters.count(volume);
      if (!isSilent) heard.push(volume);
    });
  }
  return {
    stats: heardTaker.stats(),
    silent: silentTaker.stats().all,
    reporters: { byIssuer: reporters.byIssuer, nodes: nodes.length },
    urgency: weighUrgency(heard, nowMs, new Set()),
    nodes: { silent: silent.size, online: nodes.length - silent.size },
  };
}

/** Which issuers are reported by one node and which by several. */
class ReporterTally {
  readonly byIssuer = new Map<string, IssuerReporter>();
  /** Equal issuers are mostly the same object, so a key is seldom made. */
  readonly #known = new Map<IssuerName, { readonly key: string; node: string }>();

  count({ node, issuer }: IndexedVolume): void {
    let known = this.#known.get(issuer);
    // The same issuer of the same node as before.
    if (known?.node === node) return;
    if (known === undefined) this.#known.set(issuer, (known = { key: issuerKey(issuer), node }));
    known.node = node;
    const reporter = this.byIssuer.get(known.key);
    if (reporter === undefined) this.byIssuer.set(known.key, { node, isShared: false });
    else if (reporter.node !== node) this.byIssuer.set(known.key, { node: reporter.node, isShared: true });
  }
}

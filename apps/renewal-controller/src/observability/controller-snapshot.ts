import type { Clock } from '@certfleet/shared/clock.ts';
import type { RenewalDispatcher } from '../dispatch/renewal-dispatcher.ts';
import type { FleetStats, VolumeTally } from '../fleet-index/view/fleet-stats.ts';
import { weighUrgency } from '../fleet-index/view/fleet-urgency.ts';
import type { FleetUrgency } from '../fleet-index/view/fleet-urgency.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { LaneDepth } from '../lanes/lane-depth.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { countPodCertificates } from '../pod-certificates/pod-certificate-stats.ts';
import type { PodCertificateStats } from '../pod-certificates/pod-certificate-stats.ts';
import type { PodCertificates } from '../pod-certificates/pod-certificate-view.ts';
import type { RedisHealth } from '../redis/redis-health.ts';
import type { UndecidedRenewal } from '../renewals/undecided-renewals.ts';
import type { RotationRow } from '../rotations/rotation-row.ts';
import { caVolumes } from './ca-gauges.ts';
import type { CaSettings, CaVolumes } from './ca-gauges.ts';
import { LabelCounter } from './label-gauges.ts';
import type { LabelGroup } from './label-gauges.ts';
import type { IssuerReporter, Reporters } from './issuer-names.ts';

export interface IndexSnapshot {
  /** Volumes on nodes that are not silent, as in `urgency`. */
  readonly stats: FleetStats;
  readonly urgency: FleetUrgency;
  /** Volumes on silent nodes; their pods may be gone. */
  readonly silent?: VolumeTally;
  readonly reporters?: Reporters;
  readonly labels?: readonly LabelGroup[];
  readonly cas?: readonly CaVolumes[] | undefined;
  readonly nodes: { readonly online: number; readonly silent: number };
}

/** The data of one scrape. */
export interface ControllerSnapshot {
  readonly atMs: number;
  /** Undefined while the index is not loaded or cannot be followed, because old counts would be misleading. */
  readonly index: IndexSnapshot | undefined;
  readonly agentsConnected: number;
  /** Undefined while Redis is unavailable, as `lanes`. */
  readonly jobs: { readonly delayed: number; readonly waiting: number; readonly active: number } | undefined;
  readonly lanes: readonly LaneDepth[] | undefined;
  readonly redis: RedisHealth;
  /** Whether this replica knows the current LanePolicies. */
  readonly policiesCurrent: boolean;
  /** The unfinished CA rotations. */
  readonly rotations: readonly RotationRow[];
  /** The renewals on demand that wait for an operator. */
  readonly renewals: readonly UndecidedRenewal[];
  /** Undefined if the controller does not follow pod certificates. */
  readonly podCertificates: PodCertificateSnapshot | undefined;
}

interface PodCertificateSnapshot {
  readonly isCurrent: boolean;
  /** Undefined before the rows are loaded. */
  readonly stats: PodCertificateStats | undefined;
}

export interface SnapshotSources {
  readonly clock: Clock;
  readonly dispatcher: () => Pick<RenewalDispatcher, 'due' | 'lanes'>;
  readonly index: { readonly view: FleetView; readonly isCurrent: boolean };
  readonly connections: { readonly health: RedisHealth };
  readonly agentsConnected: () => number;
  readonly silentAfterMs: number;
  readonly podLabels: readonly string[];
  readonly cas: CaSettings;
  /** Undefined before the objects of operators are followed. */
  readonly intent: () => IntentSource | undefined;
  /** Undefined if the controller does not follow pod certificates. */
  readonly podCertificates: () => PodCertificates | undefined;
}

interface IntentSource {
  readonly problem: () => string | undefined;
  readonly rotations: () => readonly RotationRow[];
  readonly undecidedRenewals: () => readonly UndecidedRenewal[];
}

/** A slow Redis must not delay the scrape that reports it. */
const timeoutMs = 2_000;

/** Takes one snapshot with a single pass over the index and a few Redis commands. Never rejects. */
export async function takeSnapshot(sources: SnapshotSources): Promise<ControllerSnapshot> {
  const { clock, index, connections } = sources;
  const redis = connections.health;
  const { due, lanes } = sources.dispatcher();
  const { promise: stopWaiting, resolve } = Promise.withResolvers<undefined>();
  const cancel = clock.schedule(timeoutMs, () => resolve(undefined));
  const ifReachable = async <T>(read: () => Promise<T>): Promise<T | undefined> =>
    redis.reachable ? await Promise.race([read().catch(() => undefined), stopWaiting]) : undefined;
  const [jobs, depths] = await Promise.all([
    ifReachable(() => due.counts()),
    ifReachable(() => lanes.depths(clock.now())),
  ]);
  cancel();
  const atMs = clock.now();
  const intent = sources.intent();
  return {
    atMs,
    index: index.isCurrent && redis.reachable ? indexSnapshot(index.view, atMs, sources) : undefined,
    agentsConnected: sources.agentsConnected(),
    jobs,
    lanes: depths,
    redis,
    policiesCurrent: intent !== undefined && intent.problem() === undefined,
    rotations: intent?.rotations() ?? [],
    renewals: intent?.undecidedRenewals() ?? [],
    podCertificates: podCertificateSnapshot(sources.podCertificates(), atMs),
  };
}

function podCertificateSnapshot(index: PodCertificates | undefined, nowMs: number): PodCertificateSnapshot | undefined {
  if (index === undefined) return undefined;
  const isLoaded = index.following !== 'loading';
  return {
    isCurrent: index.following === 'current',
    stats: isLoaded ? countPodCertificates(index.rows.values(), nowMs) : undefined,
  };
}

function indexSnapshot(
  view: FleetView,
  nowMs: number,
  { silentAfterMs, podLabels, cas }: Pick<SnapshotSources, 'silentAfterMs' | 'podLabels' | 'cas'>,
): IndexSnapshot {
  // Zero means that this replica has not read the node's first heartbeat yet.
  const silentNodes = view.silentNodes(nowMs, silentAfterMs).filter(({ lastSeenMs }) => lastSeenMs > 0);
  const silent = new Set(silentNodes.map(({ node }) => node));
  const nodes = view.nodes();
  const reporters = new ReporterTally();
  const present: IndexedVolume[] = [];
  const labels = new LabelCounter(podLabels);
  for (const { node } of nodes) {
    const isSilent = silent.has(node);
    view.scan(nowMs, node, (volume, status) => {
      reporters.count(volume);
      if (isSilent) return;
      present.push(volume);
      labels.count(volume, status);
    });
  }
  return {
    stats: view.aggregate(
      nowMs,
      nodes.map(({ node }) => node).filter((node) => !silent.has(node)),
    ),
    silent: view.aggregate(nowMs, silent).all,
    reporters: { byIssuer: reporters.byIssuer, nodes: nodes.length },
    labels: labels.groups(),
    cas: caVolumes(present, cas),
    urgency: weighUrgency(present, nowMs, new Set()),
    nodes: { silent: silent.size, online: nodes.length - silent.size },
  };
}

/** Records whether an issuer is reported by one node or by several. */
class ReporterTally {
  readonly byIssuer = new Map<string, IssuerReporter>();
  /** Most volumes share one IssuerName object per issuer, so keys are rarely computed. */
  readonly #known = new Map<IssuerName, { readonly key: string; node: string }>();

  count({ node, issuer }: IndexedVolume): void {
    let known = this.#known.get(issuer);
    // Same issuer and node as before.
    if (known?.node === node) return;
    if (known === undefined) this.#known.set(issuer, (known = { key: issuerKey(issuer), node }));
    known.node = node;
    const reporter = this.byIssuer.get(known.key);
    if (reporter === undefined) this.byIssuer.set(known.key, { node, isShared: false });
    else if (reporter.node !== node) this.byIssuer.set(known.key, { node: reporter.node, isShared: true });
  }
}

import type { NodeInfo, NodeState } from '../model/node-session.ts';
import { VolumeCounts } from './fleet-stats.ts';
import type { FleetStats } from './fleet-stats.ts';
import type { PostureLimit } from './posture-limits.ts';
import { noProgress, progressChanges } from '../model/renewal-progress.ts';
import type { LaneWait, RenewalProgress } from '../model/renewal-progress.ts';
import { exactName } from '../query/name-pattern.ts';
import { selectionCriterion } from '../query/volume-selection.ts';
import type { VolumeSelection } from '../query/volume-selection.ts';
import { volumeStatus } from '../model/volume-status.ts';
import type { VolumeKey } from '../model/volume-key.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import type { VolumeStatus } from '@certfleet/fleet-model/vocabulary.ts';

const statsMs = 1_000;

/** The whole index in memory, for pages, metrics and selections; some milliseconds behind Redis. */
export class FleetView {
  readonly #volumes = new Map<string, Map<string, IndexedVolume>>();
  readonly #nodes = new Map<string, NodeInfo>();
  #seen = new Map<string, number>();
  #progress = noProgress;
  #stats: FleetStats | undefined;
  /** Per node, until its volumes or their renewals change. */
  readonly #counts = new Map<string, VolumeCounts>();
  readonly #limits: readonly PostureLimit[];
  #count = 0;

  constructor(limits: readonly PostureLimit[] = []) {
    this.#limits = limits;
  }

  /** Number of volumes. */
  get size(): number {
    return this.#count;
  }

  volume(node: string, volumeId: string): IndexedVolume | undefined {
    return this.#volumes.get(node)?.get(volumeId);
  }

  *volumes(): Generator<IndexedVolume> {
    for (const volumes of this.#volumes.values()) yield* volumes.values();
  }

  volumesOf(node: string): Iterable<IndexedVolume> {
    return this.#volumes.get(node)?.values() ?? [];
  }

  /** The volumes that match a selection; a selection by node scans only that node. */
  select(selection: VolumeSelection, nowMs: number): readonly IndexedVolume[] {
    const matches = selectionCriterion(selection);
    const selected: IndexedVolume[] = [];
    this.scan(nowMs, exactName(selection.node ?? selection.query?.node), (volume, status) => {
      if (matches(volume, status)) selected.push(volume);
    });
    return selected;
  }

  /** Whether a selection matches a volume with a certificate; usually without a look at the whole fleet. */
  hasRenewable(selection: VolumeSelection, nowMs: number): boolean {
    const matches = selectionCriterion(selection);
    const node = exactName(selection.node ?? selection.query?.node);
    return [...(node === undefined ? this.#volumes.keys() : [node])].some((each) => {
      let count = 0;
      this.scan(nowMs, each, (volume, status) => {
        if (volume.certificate !== undefined && matches(volume, status)) count += 1;
      });
      return count > 0;
    });
  }

  statusOf(volume: IndexedVolume, nowMs: number): VolumeStatus {
    const { started, holds } = this.#progress;
    const { node, volumeId } = volume;
    return volumeStatus(
      volume,
      nowMs,
      started.get(node)?.has(volumeId) ?? false,
      holds.get(node)?.has(volumeId) ?? false,
    );
  }

  /** Why a volume's renewal waits in its lane; undefined if it does not wait. */
  waitOf({ node, volumeId }: VolumeKey): LaneWait | undefined {
    return this.#progress.holds.get(node)?.get(volumeId);
  }

  /** Statistics of the fleet, cached for a second. */
  stats(nowMs: number): FleetStats {
    const ageMs = nowMs - (this.#stats?.atMs ?? -Infinity);
    if (this.#stats !== undefined && ageMs >= 0 && ageMs < statsMs) return this.#stats;
    return (this.#stats = this.aggregate(nowMs));
  }

  /** Invalidates the cached statistics after a change. */
  forgetStats(): void {
    this.#stats = undefined;
  }

  /** Counts the volumes of these nodes now. Only nodes whose counts may have changed are scanned. */
  aggregate(nowMs: number, nodes: Iterable<string> = this.#volumes.keys()): FleetStats {
    const sum = new VolumeCounts(nowMs, this.#limits);
    const counted = new Map<string, VolumeCounts>();
    for (const node of nodes) {
      const counts = this.#countsOf(node, nowMs);
      sum.add(counts);
      counted.set(node, counts);
    }
    return sum.stats(counted);
  }

  #countsOf(node: string, nowMs: number): VolumeCounts {
    const known = this.#counts.get(node);
    if (known?.isValidAt(nowMs) === true) return known;
    const counts = new VolumeCounts(nowMs, this.#limits);
    this.scan(nowMs, node, (volume, status) => counts.count(volume, status));
    if (this.#volumes.has(node)) this.#counts.set(node, counts);
    return counts;
  }

  /** Visits the volumes of one node, or of all, with their statuses. */
  scan(nowMs: number, node: string | undefined, visit: (volume: IndexedVolume, status: VolumeStatus) => void): void {
    if (node === undefined) {
      for (const each of this.#volumes.keys()) this.scan(nowMs, each, visit);
      return;
    }
    const started = this.#progress.started.get(node);
    const holds = this.#progress.holds.get(node);
    for (const volume of this.#volumes.get(node)?.values() ?? []) {
      const { volumeId } = volume;
      visit(volume, volumeStatus(volume, nowMs, started?.has(volumeId) ?? false, holds?.has(volumeId) ?? false));
    }
  }

  /** Every node that is or was connected or has volumes. */
  nodes(): readonly NodeState[] {
    const names = new Set([...this.#nodes.keys(), ...this.#volumes.keys()]);
    return [...names].flatMap((node) => this.node(node) ?? []);
  }

  /** Nodes without a heartbeat for longer than given. */
  silentNodes(nowMs: number, silentAfterMs: number): readonly NodeState[] {
    return this.nodes().filter(({ lastSeenMs }) => nowMs - lastSeenMs > silentAfterMs);
  }

  /** Undefined if the node is unknown. */
  node(node: string): NodeState | undefined {
    const info = this.#nodes.get(node);
    if (info === undefined && !this.#volumes.has(node)) return undefined;
    const { agentVersion = '', connectedTo = '' } = info ?? {};
    return { node, agentVersion, connectedTo, lastSeenMs: this.#seen.get(node) ?? 0 };
  }

  volumesOn(node: string): number {
    return this.#volumes.get(node)?.size ?? 0;
  }

  /** Replaces the whole content of a node. */
  replaceNode(node: string, info: NodeInfo, volumes: Map<string, IndexedVolume>): void {
    this.#count += volumes.size - this.volumesOn(node);
    if (volumes.size === 0) this.#volumes.delete(node);
    else this.#volumes.set(node, volumes);
    this.#nodes.set(node, info);
    this.#counts.delete(node);
  }

  /** Removes all nodes except these. */
  keepOnly(nodes: ReadonlySet<string>): void {
    for (const { node } of this.nodes()) if (!nodes.has(node)) this.removeNode(node);
  }

  /** Sets a volume; removes it if undefined. */
  set(node: string, volumeId: string, volume: IndexedVolume | undefined): void {
    let volumes = this.#volumes.get(node);
    const before = volumes?.size ?? 0;
    if (volume === undefined) volumes?.delete(volumeId);
    else {
      if (volumes === undefined) this.#volumes.set(node, (volumes = new Map<string, IndexedVolume>()));
      volumes.set(volumeId, volume);
    }
    this.#count += (volumes?.size ?? 0) - before;
    if (volumes?.size === 0) this.#volumes.delete(node);
    this.#counts.delete(node);
  }

  setNode(node: string, info: NodeInfo): void {
    this.#nodes.set(node, info);
  }

  setSeen(seen: Map<string, number>): void {
    this.#seen = seen;
  }

  /** Sets the renewals in progress; returns the volumes whose progress changed. */
  setProgress(progress: RenewalProgress): readonly VolumeKey[] {
    const before = this.#progress;
    this.#progress = progress;
    const changes = progressChanges(before, progress);
    for (const { node } of changes) this.#counts.delete(node);
    return changes;
  }

  removeNode(node: string): void {
    this.#count -= this.volumesOn(node);
    this.#volumes.delete(node);
    this.#nodes.delete(node);
    this.#seen.delete(node);
    this.#counts.delete(node);
  }
}

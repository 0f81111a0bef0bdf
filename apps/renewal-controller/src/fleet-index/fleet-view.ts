import type { NodeInfo, NodeState } from './node-session.ts';
import { StatsAggregator } from './fleet-stats.ts';
import type { FleetStats } from './fleet-stats.ts';
import { noProgress, progressChanges } from './renewal-progress.ts';
import type { LaneWait, RenewalProgress } from './renewal-progress.ts';
import { selectionCriterion } from './volume-selection.ts';
import type { VolumeSelection } from './volume-selection.ts';
import { volumeStatus } from './volume-status.ts';
import type { VolumeKey } from './volume-key.ts';
import type { IndexedVolume } from './indexed-volume.ts';
import type { VolumeStatus } from '@certfleet/operator-api/vocabulary.ts';

const statsMs = 1_000;

/** The whole index in this process' memory, for pages, metrics and selections; some milliseconds behind Redis. */
export class FleetView {
  readonly #volumes = new Map<string, Map<string, IndexedVolume>>();
  readonly #nodes = new Map<string, NodeInfo>();
  #seen = new Map<string, number>();
  #progress = noProgress;
  #stats: FleetStats | undefined;
  #count = 0;

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

  /** The volumes that a selection means at a time; one that names a node looks at that node alone. */
  select(selection: VolumeSelection, nowMs: number): readonly IndexedVolume[] {
    const isMeant = selectionCriterion(selection);
    const selected: IndexedVolume[] = [];
    this.scan(nowMs, selection.node ?? selection.query?.node, (volume, status) => {
      if (isMeant(volume, status)) selected.push(volume);
    });
    return selected;
  }

  /** How a volume stands at a time. */
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

  /** Why a volume's renewal waits in its lane; undefined when it does not. */
  waitOf({ node, volumeId }: VolumeKey): LaneWait | undefined {
    return this.#progress.holds.get(node)?.get(volumeId);
  }

  /** The fleet counted, at most a second ago: however many ask, there is one pass a second. */
  stats(nowMs: number): FleetStats {
    const ageMs = nowMs - (this.#stats?.atMs ?? -Infinity);
    if (this.#stats !== undefined && ageMs >= 0 && ageMs < statsMs) return this.#stats;
    return (this.#stats = this.aggregate(nowMs));
  }

  /** The fleet has changed: the next stats is taken anew. */
  forgetStats(): void {
    this.#stats = undefined;
  }

  /** Counts the fleet now, in one pass over everything. */
  aggregate(nowMs: number): FleetStats {
    const taker = new StatsAggregator(nowMs);
    for (const node of this.#volumes.keys()) {
      const tally = taker.node(node);
      this.scan(nowMs, node, (volume, status) => taker.count(volume, status, tally));
    }
    return taker.stats();
  }

  /** Visits the volumes of one node, or of all, each with the status for how it stands. */
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

  /** Every node that is connected, was, or has volumes. */
  nodes(): readonly NodeState[] {
    const names = new Set([...this.#nodes.keys(), ...this.#volumes.keys()]);
    return [...names].flatMap((node) => this.node(node) ?? []);
  }

  /** Nodes whose agents were not heard of for longer than given. */
  silentNodes(nowMs: number, silentAfterMs: number): readonly NodeState[] {
    return this.nodes().filter(({ lastSeenMs }) => nowMs - lastSeenMs > silentAfterMs);
  }

  /** One node; undefined when nothing is known of it. */
  node(node: string): NodeState | undefined {
    const info = this.#nodes.get(node);
    if (info === undefined && !this.#volumes.has(node)) return undefined;
    const { agentVersion = '', connectedTo = '' } = info ?? {};
    return { node, agentVersion, connectedTo, lastSeenMs: this.#seen.get(node) ?? 0 };
  }

  /** Number of volumes of a node. */
  volumesOn(node: string): number {
    return this.#volumes.get(node)?.size ?? 0;
  }

  /** Takes the whole content of a node in the place of what was known of it. */
  replaceNode(node: string, info: NodeInfo, volumes: Map<string, IndexedVolume>): void {
    this.#count += volumes.size - this.volumesOn(node);
    if (volumes.size === 0) this.#volumes.delete(node);
    else this.#volumes.set(node, volumes);
    this.#nodes.set(node, info);
  }

  /** Forgets every node but these. */
  keepOnly(nodes: ReadonlySet<string>): void {
    for (const { node } of this.nodes()) if (!nodes.has(node)) this.removeNode(node);
  }

  /** Sets a volume, or removes it. */
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
  }

  setNode(node: string, info: NodeInfo): void {
    this.#nodes.set(node, info);
  }

  setSeen(seen: Map<string, number>): void {
    this.#seen = seen;
  }

  /** Takes what is under way; answers the volumes that came to it or left it. */
  setProgress(progress: RenewalProgress): readonly VolumeKey[] {
    const before = this.#progress;
    this.#progress = progress;
    return progressChanges(before, progress);
  }

  removeNode(node: string): void {
    this.#count -= this.volumesOn(node);
    this.#volumes.delete(node);
    this.#nodes.delete(node);
    this.#seen.delete(node);
  }
}

import type { NodeInfo, NodeState } from './node-session.ts';
import { CensusTaker } from './fleet-census.ts';
import type { FleetCensus } from './fleet-census.ts';
import { noProgress, progressChanges } from './renewal-progress.ts';
import type { LaneHold, RenewalProgress } from './renewal-progress.ts';
import { selectionCriterion } from './volume-selection.ts';
import type { VolumeSelection } from './volume-selection.ts';
import { volumeWord } from './volume-word.ts';
import type { VolumePlace } from './volume-place.ts';
import type { VolumeState } from './volume-state.ts';
import type { VolumeWord } from '@certfleet/operator-api/vocabulary.ts';

const censusMs = 1_000;

/** The whole index in this process' memory, for pages, metrics and selections; some milliseconds behind Redis. */
export class FleetView {
  readonly #volumes = new Map<string, Map<string, VolumeState>>();
  readonly #nodes = new Map<string, NodeInfo>();
  #seen = new Map<string, number>();
  #progress = noProgress;
  #census: FleetCensus | undefined;
  #count = 0;

  /** Number of volumes. */
  get size(): number {
    return this.#count;
  }

  volume(node: string, volumeId: string): VolumeState | undefined {
    return this.#volumes.get(node)?.get(volumeId);
  }

  *volumes(): Generator<VolumeState> {
    for (const volumes of this.#volumes.values()) yield* volumes.values();
  }

  /** The volumes that a selection means at a time; one that names a node looks at that node alone. */
  select(selection: VolumeSelection, nowMs: number): readonly VolumeState[] {
    const isMeant = selectionCriterion(selection);
    const selected: VolumeState[] = [];
    this.scan(nowMs, selection.node ?? selection.query?.node, (volume, word) => {
      if (isMeant(volume, word)) selected.push(volume);
    });
    return selected;
  }

  /** How a volume stands at a time. */
  wordOf(volume: VolumeState, nowMs: number): VolumeWord {
    const { started, holds } = this.#progress;
    const { node, volumeId } = volume;
    return volumeWord(
      volume,
      nowMs,
      started.get(node)?.has(volumeId) ?? false,
      holds.get(node)?.has(volumeId) ?? false,
    );
  }

  /** Why a volume's renewal waits in its lane; undefined when it does not. */
  holdOf({ node, volumeId }: VolumePlace): LaneHold | undefined {
    return this.#progress.holds.get(node)?.get(volumeId);
  }

  /** The fleet counted, at most a second ago: however many ask, there is one pass a second. */
  census(nowMs: number): FleetCensus {
    const ageMs = nowMs - (this.#census?.atMs ?? -Infinity);
    if (this.#census !== undefined && ageMs >= 0 && ageMs < censusMs) return this.#census;
    return (this.#census = this.takeCensus(nowMs));
  }

  /** The fleet has changed: the next census is taken anew. */
  forgetCensus(): void {
    this.#census = undefined;
  }

  /** Counts the fleet now, in one pass over everything. */
  takeCensus(nowMs: number): FleetCensus {
    const taker = new CensusTaker(nowMs);
    for (const node of this.#volumes.keys()) {
      const tally = taker.node(node);
      this.scan(nowMs, node, (volume, word) => taker.count(volume, word, tally));
    }
    return taker.census();
  }

  /** Visits the volumes of one node, or of all, each with the word for how it stands. */
  scan(nowMs: number, node: string | undefined, visit: (volume: VolumeState, word: VolumeWord) => void): void {
    if (node === undefined) {
      for (const each of this.#volumes.keys()) this.scan(nowMs, each, visit);
      return;
    }
    const started = this.#progress.started.get(node);
    const holds = this.#progress.holds.get(node);
    for (const volume of this.#volumes.get(node)?.values() ?? []) {
      const { volumeId } = volume;
      visit(volume, volumeWord(volume, nowMs, started?.has(volumeId) ?? false, holds?.has(volumeId) ?? false));
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
  replaceNode(node: string, info: NodeInfo, volumes: Map<string, VolumeState>): void {
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
  set(node: string, volumeId: string, volume: VolumeState | undefined): void {
    let volumes = this.#volumes.get(node);
    const before = volumes?.size ?? 0;
    if (volume === undefined) volumes?.delete(volumeId);
    else {
      if (volumes === undefined) this.#volumes.set(node, (volumes = new Map<string, VolumeState>()));
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
  setProgress(progress: RenewalProgress): readonly VolumePlace[] {
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

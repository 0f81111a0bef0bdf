import type { NodeInfo, NodeState } from './node-session.ts';
import { summarize } from './fleet-summary.ts';
import type { FleetSummary } from './fleet-summary.ts';
import { matcherOf } from './volume-selection.ts';
import type { VolumeSelection } from './volume-selection.ts';
import type { VolumeState } from './volume-state.ts';

/** The whole index in this process' memory, for pages, metrics and selections; some milliseconds behind Redis. */
export class FleetView {
  #volumes = new Map<string, Map<string, VolumeState>>();
  #nodes = new Map<string, NodeInfo>();
  #seen = new Map<string, number>();
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

  /** The volumes that a selection means; one that names a node looks at that node alone. */
  *select(selection: VolumeSelection): Generator<VolumeState> {
    const matches = matcherOf(selection);
    const candidates =
      selection.node === undefined ? this.volumes() : (this.#volumes.get(selection.node)?.values() ?? []);
    for (const volume of candidates) if (matches(volume)) yield volume;
  }

  /** One pass over everything: some milliseconds at 100,000 volumes. */
  summary(nowMs: number): FleetSummary {
    return summarize(this.volumes(), nowMs);
  }

  /** Every node that is connected, was, or has volumes. */
  nodes(): readonly NodeState[] {
    const names = new Set([...this.#nodes.keys(), ...this.#volumes.keys()]);
    return [...names].map((node) => ({
      node,
      agentVersion: this.#nodes.get(node)?.agentVersion ?? '',
      connectedTo: this.#nodes.get(node)?.connectedTo ?? '',
      lastSeenMs: this.#seen.get(node) ?? 0,
    }));
  }

  /** Nodes whose agents were not heard of for longer than given. */
  silentNodes(nowMs: number, silentAfterMs: number): readonly NodeState[] {
    return this.nodes().filter(({ lastSeenMs }) => nowMs - lastSeenMs > silentAfterMs);
  }

  /** Number of volumes of a node. */
  volumesOn(node: string): number {
    return this.#volumes.get(node)?.size ?? 0;
  }

  /** Takes a whole new content at once. */
  replaceAll(volumes: Map<string, Map<string, VolumeState>>, nodes: Map<string, NodeInfo>): void {
    this.#volumes = volumes;
    this.#nodes = nodes;
    this.#count = [...volumes.values()].reduce((sum, { size }) => sum + size, 0);
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

  removeNode(node: string): void {
    this.#count -= this.volumesOn(node);
    this.#volumes.delete(node);
    this.#nodes.delete(node);
    this.#seen.delete(node);
  }
}

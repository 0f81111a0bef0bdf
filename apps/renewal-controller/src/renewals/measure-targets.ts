import { setImmediate } from 'node:timers/promises';
import { volumeKey } from '../fleet-index/model/volume-key.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { RenewalTargets } from './renewal-targets.ts';

/** What the reports of the nodes say about the targets of a renewal. */
export interface TargetMeasurement {
  /** Volumes that still have the generation to be replaced. */
  readonly pending: readonly IndexedVolume[];
  /** Volumes of the fleet that have a later generation. */
  readonly renewed: number;
  /** How many of them were issued since the time that was asked for. */
  readonly renewedSince: number;
  /** Targets on nodes whose volumes are not completely reported; nothing is known about them. */
  readonly unreported: number;
  /** The nodes of the unreported targets. */
  readonly unreportedNodes: readonly string[];
}

/** A volume is renewed more often than this only during a long interruption; it then counts as one that has left. */
const maxEarlierGenerations = 16;
/** A node's volumes are compared at once; beyond this number, other work has its turn. */
const volumesAtOnce = 2_000;

/**
 * Compares the targets with the reported volumes of their nodes. Yields to other work, because a fleet is large.
 * @param isComplete whether every volume of a node is reported
 * @param sinceMs counts renewals since this time, in milliseconds since the epoch
 */
export async function measureTargets(
  targets: RenewalTargets,
  volumesOf: (node: string) => Iterable<IndexedVolume>,
  isComplete: (node: string) => boolean,
  sinceMs = Infinity,
): Promise<TargetMeasurement> {
  const pending: IndexedVolume[] = [];
  const unreportedNodes: string[] = [];
  let [renewed, renewedSince, unreported, sinceYield] = [0, 0, 0, 0];
  for (const [node, count] of targets.nodes()) {
    if ((sinceYield += count) > volumesAtOnce) {
      sinceYield = 0;
      await setImmediate();
    }
    let found = 0;
    for (const volume of volumesOf(node)) {
      if (targets.has(volume)) pending.push(volume);
      else if (wasTarget(targets, volume)) {
        renewed += 1;
        if ((volume.certificate?.issuedAtMs ?? 0) >= sinceMs) renewedSince += 1;
      } else continue;
      found += 1;
    }
    if (found >= count || isComplete(node)) continue;
    unreported += count - found;
    unreportedNodes.push(node);
  }
  return { pending, renewed, renewedSince, unreported, unreportedNodes };
}

/** The failed volumes, the latest failure first. */
export function latestFailures(volumes: readonly IndexedVolume[], limit: number): readonly IndexedVolume[] {
  return volumes
    .filter(({ failure }) => failure !== undefined)
    .sort((a, b) => (b.failure?.atMs ?? 0) - (a.failure?.atMs ?? 0) || (volumeKey(a) < volumeKey(b) ? -1 : 1))
    .slice(0, limit);
}

function wasTarget(targets: RenewalTargets, volume: IndexedVolume): boolean {
  const first = Math.max(1, volume.generation - maxEarlierGenerations);
  for (let generation = volume.generation - 1; generation >= first; generation -= 1)
    if (targets.has({ ...volume, generation })) return true;
  return false;
}

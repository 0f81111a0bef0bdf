import { setImmediate } from 'node:timers/promises';
import type { IndexState } from '../fleet-index/index-state.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { VolumeCriterion } from '../fleet-index/query/volume-filter.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import { FactsCollector } from './rotation-facts.ts';
import type { CaPair, RotationFacts } from './rotation-facts.ts';

export interface GatherParts {
  readonly view: FleetView;
  readonly index: IndexState;
  readonly silentAfterMs: number;
  /** This replica's wall clock, to which the view converts the heartbeats. */
  readonly nowMs: number;
}

export interface GatherOptions {
  readonly requiresServed: boolean;
  /** Undefined: every volume is selected. */
  readonly selection: VolumeCriterion | undefined;
  readonly isCovered: (volume: IndexedVolume) => boolean;
  /** Nodes that had volumes of these CAs: their reports are awaited after a loss of Redis. */
  readonly knownNodes: readonly string[];
}

/** After a loss of Redis, a node that has not reported for this long counts as gone; as for the targets of a Renewal. */
const unreportedLimitMs = 24 * 3_600_000;
/** Beyond this number of volumes, other work has its turn. */
const volumesAtOnce = 2_000;

/** Collects what the nodes report about the CAs of a rotation, in one pass over the index. */
export async function gatherFacts(
  { view, index, silentAfterMs, nowMs }: GatherParts,
  cas: CaPair,
  { requiresServed, selection, isCovered, knownNodes }: GatherOptions,
): Promise<RotationFacts> {
  const collector = new FactsCollector(cas, { requiresServed, isCovered });
  let sinceYield = 0;
  for (const { node } of view.nodes()) {
    if ((sinceYield += view.volumesOn(node)) > volumesAtOnce) {
      sinceYield = 0;
      await setImmediate();
    }
    view.scan(nowMs, node, (volume, status) => collector.add(volume, selection?.(volume, status) ?? true));
  }
  return collector.facts({
    isSettled: index.ageMs >= silentAfterMs,
    unverifiedNodes: unverifiedNodes({ view, index, silentAfterMs, nowMs }, knownNodes),
  });
}

function unverifiedNodes(
  { view, index, silentAfterMs, nowMs }: GatherParts,
  knownNodes: readonly string[],
): readonly string[] {
  const names = new Set(index.incomplete);
  for (const { node } of view.silentNodes(nowMs, silentAfterMs)) names.add(node);
  for (const { node } of view.nodes()) if (!index.isComplete(node)) names.add(node);
  if (index.ageMs < unreportedLimitMs) for (const node of knownNodes) if (!index.isComplete(node)) names.add(node);
  return [...names].sort();
}

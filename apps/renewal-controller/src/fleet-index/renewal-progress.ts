import type { waitReasons } from '@certfleet/operator-api/vocabulary.ts';
import { parseVolumeKey } from './volume-key.ts';
import type { VolumeKey } from './volume-key.ts';

/** Why a lane lets a renewal wait. */
export type WaitReason = (typeof waitReasons)[number];

/** A renewal that a lane lets wait. */
export interface LaneWait {
  readonly reason: WaitReason;
  /** When its turn is expected, in milliseconds since the epoch; undefined where only an event ends the wait. */
  readonly untilMs: number | undefined;
}

/** Which renewals of the fleet are started and which wait, by node and volume id. */
export interface RenewalProgress {
  readonly started: ReadonlyMap<string, ReadonlySet<string>>;
  readonly holds: ReadonlyMap<string, ReadonlyMap<string, LaneWait>>;
}

/** Nothing is known to be under way. */
export const noProgress: RenewalProgress = { started: new Map(), holds: new Map() };

/** Started renewals by node. @param places as the lanes' scripts note them */
export function startedByNode(places: readonly string[]): RenewalProgress['started'] {
  const byNode = new Map<string, Set<string>>();
  for (const place of places) {
    const { node, volumeId } = parseVolumeKey(place);
    const known = byNode.get(node);
    if (known === undefined) byNode.set(node, new Set([volumeId]));
    else known.add(volumeId);
  }
  return byNode;
}

/** Waiting renewals by node. @param pairs alternating place and hold, as the lanes' scripts note them */
export function waitsByNode(pairs: readonly string[]): RenewalProgress['holds'] {
  const byNode = new Map<string, Map<string, LaneWait>>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const { node, volumeId } = parseVolumeKey(pairs[i] ?? '');
    const [reason, until = ''] = (pairs[i + 1] ?? '').split(':') as [WaitReason, string?];
    const hold = { reason, untilMs: until === '' ? undefined : Number(until) };
    const known = byNode.get(node);
    if (known === undefined) byNode.set(node, new Map([[volumeId, hold]]));
    else known.set(volumeId, hold);
  }
  return byNode;
}

/** Volumes that are under way in one and not in the other, or that wait in one alone. */
export function progressChanges(before: RenewalProgress, now: RenewalProgress): readonly VolumeKey[] {
  return [...differences(before.started, now.started), ...differences(before.holds, now.holds)];
}

type ByNode = ReadonlyMap<string, Pick<ReadonlySet<string>, 'has' | 'keys'>>;

function differences(before: ByNode, now: ByNode): readonly VolumeKey[] {
  return before === now ? [] : [...missingIn(before, now), ...missingIn(now, before)];
}

function missingIn(other: ByNode, these: ByNode): readonly VolumeKey[] {
  const places: VolumeKey[] = [];
  for (const [node, ids] of these) {
    const known = other.get(node);
    for (const volumeId of ids.keys()) if (known?.has(volumeId) !== true) places.push({ node, volumeId });
  }
  return places;
}

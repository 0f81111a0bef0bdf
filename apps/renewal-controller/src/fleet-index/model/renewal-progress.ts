import type { WaitReason } from '@certfleet/fleet-model/vocabulary.ts';
import { parseVolumeKey } from './volume-key.ts';
import type { VolumeKey } from './volume-key.ts';

/** A renewal that a lane delays. */
export interface LaneWait {
  readonly reason: WaitReason;
  /** Expected time of its turn, in milliseconds since the epoch; undefined if only an event ends the wait. */
  readonly untilMs: number | undefined;
}

/** The started and the waiting renewals of the fleet, by node and volume id. */
export interface RenewalProgress {
  readonly started: ReadonlyMap<string, ReadonlySet<string>>;
  readonly holds: ReadonlyMap<string, ReadonlyMap<string, LaneWait>>;
}

export const noProgress: RenewalProgress = { started: new Map(), holds: new Map() };

/** Started renewals by node. @param keys volume keys, as stored by the lanes' scripts */
export function startedByNode(keys: readonly string[]): RenewalProgress['started'] {
  const byNode = new Map<string, Set<string>>();
  for (const key of keys) {
    const { node, volumeId } = parseVolumeKey(key);
    const known = byNode.get(node);
    if (known === undefined) byNode.set(node, new Set([volumeId]));
    else known.add(volumeId);
  }
  return byNode;
}

/** Waiting renewals by node. @param pairs alternating volume key and `reason:until`, as stored by the lanes' scripts */
export function waitsByNode(pairs: readonly string[]): RenewalProgress['holds'] {
  const byNode = new Map<string, Map<string, LaneWait>>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const { node, volumeId } = parseVolumeKey(pairs[i] ?? '');
    const [reason, until = ''] = (pairs[i + 1] ?? '').split(':') as [WaitReason, string?];
    const wait = { reason, untilMs: until === '' ? undefined : Number(until) };
    const known = byNode.get(node);
    if (known === undefined) byNode.set(node, new Map([[volumeId, wait]]));
    else known.set(volumeId, wait);
  }
  return byNode;
}

/** Volumes that are started or waiting in only one of the two. */
export function progressChanges(before: RenewalProgress, now: RenewalProgress): readonly VolumeKey[] {
  return [...differences(before.started, now.started), ...differences(before.holds, now.holds)];
}

type ByNode = ReadonlyMap<string, Pick<ReadonlySet<string>, 'has' | 'keys'>>;

function differences(before: ByNode, now: ByNode): readonly VolumeKey[] {
  return before === now ? [] : [...missingIn(before, now), ...missingIn(now, before)];
}

function missingIn(other: ByNode, these: ByNode): readonly VolumeKey[] {
  const missing: VolumeKey[] = [];
  for (const [node, ids] of these) {
    const known = other.get(node);
    for (const volumeId of ids.keys()) if (known?.has(volumeId) !== true) missing.push({ node, volumeId });
  }
  return missing;
}

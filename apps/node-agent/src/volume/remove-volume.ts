import type { VolumeStore } from '../storage/volume-store.ts';
import type { Volume } from './volume.ts';
import type { VolumeMounts } from './volume-mounts.ts';

export interface RemovalParts {
  readonly store: VolumeStore;
  readonly mounts: Pick<VolumeMounts, 'unmount'>;
}

/** A volume to remove; undefined in memory if an earlier run began its removal, or if it never existed. */
export interface Removal {
  readonly volumeId: string;
  readonly volume: Volume | undefined;
  readonly targetPath: string | undefined;
}

/** Deletes the files, key first, and unmounts the volume. A failed call is repeated as a whole. */
export async function removeVolume(
  { store, mounts }: RemovalParts,
  { volumeId, volume, targetPath }: Removal,
): Promise<void> {
  // The target of a volume whose removal an earlier run began.
  const interrupted =
    volume === undefined ? store.interruptedRemovals().filter((each) => each.volumeId === volumeId) : [];
  const targets = new Set([targetPath, volume?.record.targetPath, ...interrupted.map((each) => each.targetPath)]);
  if (volume === undefined) store.destroy(volumeId);
  else volume.removing();
  for (const target of targets) {
    if (target === undefined) continue;
    await mounts.unmount(target);
  }
  if (volume === undefined) store.finishRemoval(volumeId);
  else volume.removed();
}

import type { IndexedVolume } from './indexed-volume.ts';

/** A volume by node and id. Names of nodes hold no slash; ids of volumes may. */
export type VolumeKey = Pick<IndexedVolume, 'node' | 'volumeId'>;

/** A volume as one status, `node/id`. */
export function volumeKey({ node, volumeId }: VolumeKey): string {
  return `${node}/${volumeId}`;
}

/** Reads what `volumeKey` wrote. */
export function parseVolumeKey(place: string): VolumeKey {
  const slash = place.indexOf('/');
  return { node: place.slice(0, slash), volumeId: place.slice(slash + 1) };
}

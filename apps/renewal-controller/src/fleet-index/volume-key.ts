import type { IndexedVolume } from './indexed-volume.ts';

/** A volume by node and id. Node names contain no slash; volume ids may. */
export type VolumeKey = Pick<IndexedVolume, 'node' | 'volumeId'>;

/** A volume as one string, `node/id`. */
export function volumeKey({ node, volumeId }: VolumeKey): string {
  return `${node}/${volumeId}`;
}

/** The inverse of `volumeKey`. */
export function parseVolumeKey(place: string): VolumeKey {
  const slash = place.indexOf('/');
  return { node: place.slice(0, slash), volumeId: place.slice(slash + 1) };
}

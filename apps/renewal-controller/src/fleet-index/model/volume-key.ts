import type { IndexedVolume } from './indexed-volume.ts';

/** A volume by node and id. Node names contain no slash; volume ids may. */
export type VolumeKey = Pick<IndexedVolume, 'node' | 'volumeId'>;

/** A volume as one string, `node/id`. */
export function volumeKey({ node, volumeId }: VolumeKey): string {
  return `${node}/${volumeId}`;
}

/** The inverse of `volumeKey`. */
export function parseVolumeKey(key: string): VolumeKey {
  const slash = key.indexOf('/');
  return { node: key.slice(0, slash), volumeId: key.slice(slash + 1) };
}

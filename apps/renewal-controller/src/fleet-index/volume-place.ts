import type { VolumeState } from './volume-state.ts';

/** A volume by node and id. Names of nodes hold no slash; ids of volumes may. */
export type VolumePlace = Pick<VolumeState, 'node' | 'volumeId'>;

/** A volume as one word, `node/id`. */
export function volumePlace({ node, volumeId }: VolumePlace): string {
  return `${node}/${volumeId}`;
}

/** Reads what `volumePlace` wrote. */
export function parseVolumePlace(place: string): VolumePlace {
  const slash = place.indexOf('/');
  return { node: place.slice(0, slash), volumeId: place.slice(slash + 1) };
}

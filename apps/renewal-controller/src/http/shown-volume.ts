import type { VolumeWord } from '@certfleet/operator-api/vocabulary.ts';
import type { VolumeRow } from '@certfleet/operator-api/volumes.ts';
import type { VolumeState } from '../fleet-index/volume-state.ts';
import type { ApiContext } from './api-context.ts';
import { volumeRow } from './volume-row.ts';

/** A volume as a row, with what its lane says of it. */
export function shownVolume(
  { view, policies }: Pick<ApiContext, 'view' | 'policies'>,
  volume: VolumeState,
  word: VolumeWord,
): VolumeRow {
  return volumeRow(volume, { word, hold: view().holdOf(volume), laneId: policies.laneOf(volume.issuer).id });
}

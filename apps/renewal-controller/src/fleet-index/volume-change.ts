import type { IndexedVolume } from './indexed-volume.ts';

/** A volume before and after a report; without `current` it is gone, without `previous` it is new. */
export interface VolumeChange {
  readonly previous: IndexedVolume | undefined;
  readonly current: IndexedVolume | undefined;
}

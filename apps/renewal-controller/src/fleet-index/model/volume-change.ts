import type { IndexedVolume } from './indexed-volume.ts';

/** A volume before and after a report; `current` is absent if it was removed, `previous` if it is new. */
export interface VolumeChange {
  readonly previous: IndexedVolume | undefined;
  readonly current: IndexedVolume | undefined;
}

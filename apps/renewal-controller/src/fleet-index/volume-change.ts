import type { VolumeState } from './volume-state.ts';

/** A volume before and after a report; without `current` it is gone, without `previous` it is new. */
export interface VolumeChange {
  readonly previous: VolumeState | undefined;
  readonly current: VolumeState | undefined;
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { Mounter } from '../mount/mounter.ts';
import type { FileSystem } from '../storage/file-system.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import type { ActiveMounts } from './active-mounts.ts';
import type { ParseVolume } from './parse-volume.ts';
import type { VolumeIssuance } from './volume-issuance.ts';
import type { VolumeParts } from './volume-parts.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { VolumeTrusts } from './volume-trusts.ts';

/** Dependencies and settings of the volumes of a node. */
export interface VolumeManagerOptions {
  readonly store: VolumeStore;
  /** For target directories. */
  readonly files: FileSystem;
  readonly mounter: Mounter;
  readonly issuance: VolumeIssuance;
  readonly trusts: VolumeTrusts;
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
  readonly reporter: VolumeReporter;
  /** Counts publishes; requested renewals wait until none is active. */
  readonly activeMounts: ActiveMounts;
  readonly clock: Clock;
  readonly continueOnNotReady: boolean;
  readonly issuanceTimeoutMs: number;
  readonly observeMount: (durationMs: number) => void;
  /** Receives the delay of a renewal after its renew-at, in milliseconds. */
  readonly observeLag: (lagMs: number) => void;
  /** Called for each volume that was added, changed or removed, before the listener of `onChange`. */
  readonly onVolumeChange?: (volumeId: string) => void;
}

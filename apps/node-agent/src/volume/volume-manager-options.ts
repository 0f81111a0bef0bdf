import type { ActiveMounts } from './active-mounts.ts';
import type { CreateVolumeParts } from './create-volume.ts';
import type { VolumeIssuance } from './volume-issuance.ts';
import type { VolumeMountsOptions } from './volume-mounts.ts';
import type { VolumeReporter } from './volume-reporter.ts';
import type { VolumeTrusts } from './volume-trusts.ts';

/** Dependencies and settings of the volumes of a node. */
export interface VolumeManagerOptions extends VolumeMountsOptions, CreateVolumeParts {
  readonly issuance: VolumeIssuance;
  readonly trusts: VolumeTrusts;
  readonly reporter: VolumeReporter;
  /** Counts publishes; requested renewals wait until none is active. */
  readonly activeMounts: ActiveMounts;
  readonly continueOnNotReady: boolean;
  readonly issuanceTimeoutMs: number;
  /** Receives the delay of a renewal after its renew-at, in milliseconds. */
  readonly observeLag: (lagMs: number) => void;
  /** Called for each volume that was added, changed or removed, before the listener of `onChange`. */
  readonly onVolumeChange?: (volumeId: string) => void;
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { ServedMonitor } from '../probe/served-monitor.ts';
import type { VolumeManager } from '../volume/volume-manager.ts';
import { describeVolume } from './describe-volume.ts';
import type { FleetVolumes, VolumeDescription } from './fleet-volumes.ts';
import { volumeReport } from './volume-report.ts';

/** What the pods of the volumes serve. */
export type ServedSource = Pick<ServedMonitor, 'status' | 'onChange'>;

/** FleetVolumes of the volumes in a VolumeManager. */
export class ManagedFleetVolumes implements FleetVolumes {
  readonly #volumes: VolumeManager;
  readonly #clock: Clock;
  readonly #served: ServedSource | undefined;

  constructor(volumes: VolumeManager, clock: Clock, served?: ServedSource) {
    this.#volumes = volumes;
    this.#clock = clock;
    this.#served = served;
  }

  ids(): readonly string[] {
    return Array.from(this.#volumes.volumes(), ({ volumeId }) => volumeId);
  }

  report(volumeId: string): VolumeReport | undefined {
    const volume = this.#volumes.volume(volumeId);
    return volume === undefined ? undefined : volumeReport(volume, this.#clock.now(), this.#served?.status(volumeId));
  }

  describe(volumeId: string): VolumeDescription {
    return describeVolume(this.#volumes.volume(volumeId));
  }

  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#volumes.onChange(listener);
    this.#served?.onChange(listener);
  }

  renew(volumeId: string, generation: number, isRequestedByPerson: boolean): Promise<string> {
    return this.#volumes.renewGeneration(volumeId, generation, isRequestedByPerson);
  }

  automaticWaitMs(volumeId: string): number {
    return this.#volumes.automaticWaitMs(volumeId);
  }

  defer(volumeId: string, generation: number, until: Date): Promise<string> {
    return this.#volumes.deferGeneration(volumeId, generation, until);
  }
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { ServedMonitor } from '../probe/served-monitor.ts';
import type { VolumeManager } from '../volume/volume-manager.ts';
import { describeVolume } from './describe-volume.ts';
import type { FleetVolumes, VolumeDescription } from './fleet-volumes.ts';
import type { PodFactsReader } from './pod-facts-reader.ts';
import { volumeReport } from './volume-report.ts';

/** What the pods of the volumes serve. */
type ServedSource = Pick<ServedMonitor, 'status' | 'onChange'>;

/** What is known of the pods of the volumes. */
type PodFactsSource = Pick<PodFactsReader, 'facts' | 'forget' | 'onChange'>;

/** What a report contains in addition to the volume itself. */
export interface ReportSources {
  readonly served?: ServedSource | undefined;
  readonly pods?: PodFactsSource | undefined;
}

/** FleetVolumes of the volumes in a VolumeManager. */
export class ManagedFleetVolumes implements FleetVolumes {
  readonly #volumes: VolumeManager;
  readonly #clock: Clock;
  readonly #sources: ReportSources;

  constructor(volumes: VolumeManager, clock: Clock, sources: ReportSources = {}) {
    this.#volumes = volumes;
    this.#clock = clock;
    this.#sources = sources;
  }

  ids(): readonly string[] {
    return Array.from(this.#volumes.volumes(), ({ volumeId }) => volumeId);
  }

  report(volumeId: string): VolumeReport | undefined {
    const volume = this.#volumes.volume(volumeId);
    const { served, pods } = this.#sources;
    if (volume === undefined) {
      pods?.forget(volumeId);
      return undefined;
    }
    const { pod } = volume.spec;
    const facts = { served: served?.status(volumeId), pod: pods?.facts(volumeId, pod, volume.record.generation) };
    return volumeReport(volume, this.#clock.now(), facts);
  }

  describe(volumeId: string): VolumeDescription {
    return describeVolume(this.#volumes.volume(volumeId));
  }

  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#volumes.onChange(listener);
    this.#sources.served?.onChange(listener);
    this.#sources.pods?.onChange(listener);
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

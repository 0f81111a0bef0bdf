import { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { FleetVolumes, VolumeDescription } from '../fleet-volumes.ts';

/** In-memory volumes for tests; a renewal increments the generation. */
export class MemoryVolumes implements FleetVolumes {
  readonly #volumes = new Map<string, VolumeReport>();
  readonly #descriptions = new Map<string, VolumeDescription>();
  readonly renewals: { readonly volumeId: string; readonly generation: number }[] = [];
  /** How long automatic renewals of a volume are refused, in milliseconds. */
  readonly waits = new Map<string, number>();
  /** For how long a volume waits though nothing failed. */
  readonly deferred = new Map<string, number>();
  #listener: ((volumeId: string) => void) | undefined;

  constructor(ids: readonly string[] = []) {
    for (const id of ids) this.set(id);
  }

  set(volumeId: string, fields: Partial<VolumeReport> = {}): void {
    this.#volumes.set(volumeId, { ...VolumeReport.fromPartial({ volumeId, generation: 1 }), ...fields });
    this.#listener?.(volumeId);
  }

  delete(volumeId: string): void {
    this.#volumes.delete(volumeId);
    this.#listener?.(volumeId);
  }

  ids(): readonly string[] {
    return [...this.#volumes.keys()];
  }

  report(volumeId: string): VolumeReport | undefined {
    return this.#volumes.get(volumeId);
  }

  describe(volumeId: string): VolumeDescription {
    const known = this.#descriptions.get(volumeId);
    const absent = this.#volumes.has(volumeId) ? 'the volume has no certificate yet' : 'the node has no such volume';
    return known ?? { chain: [], ca: [], truncated: false, absent };
  }

  setDescription(volumeId: string, description: Partial<VolumeDescription>): void {
    this.#descriptions.set(volumeId, { chain: [], ca: [], truncated: false, absent: '', ...description });
  }

  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#listener = listener;
  }

  automaticWaitMs(volumeId: string): number {
    return this.waits.get(volumeId) ?? 0;
  }

  deferredForMs(volumeId: string): number {
    return this.deferred.get(volumeId) ?? 0;
  }

  renew(volumeId: string, generation: number, isRequestedByPerson = false): Promise<string> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return Promise.resolve('not-found');
    if (volume.generation !== generation) return Promise.resolve('superseded');
    if (!isRequestedByPerson && this.automaticWaitMs(volumeId) > 0) return Promise.resolve('backing-off');
    this.renewals.push({ volumeId, generation });
    this.set(volumeId, { ...volume, generation: generation + 1 });
    return Promise.resolve('renewed');
  }

  defer(volumeId: string, generation: number, until: Date): Promise<string> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return Promise.resolve('not-found');
    if (volume.generation !== generation) return Promise.resolve('superseded');
    this.set(volumeId, { ...volume, deferredUntil: until });
    return Promise.resolve('deferred');
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetVolumes, VolumeDescription } from '../../../../apps/node-agent/src/fleet/fleet-volumes.ts';
import type { VolumeReport } from '../../../../libs/shared/gen/fleet/v1/fleet.ts';
import { fallbackRenewalAtMs } from '../../../../libs/fleet-model/src/certificate-times.ts';
import type { HeldVolume } from './held-volume.ts';
import type { AgentBehaviour, AgentVersion, AgentVolume, HostEvent, VolumeSketch } from './messages.ts';
import { misreport } from './misreports.ts';
import { reportOf } from './report.ts';

export interface ChaosVolumesOptions {
  readonly node: string;
  readonly version: AgentVersion;
  /** Duration of an issuance. */
  readonly issueMs: number;
  readonly isIssuerAway: (issuer: string) => boolean;
  /** How far the agent's wall clock is ahead of the true time. */
  readonly offsetMs: () => number;
  readonly emit: (event: HostEvent) => void;
}

const renewAtPart = 2 / 3;
/** Between two attempts of the agent, as a part of the lifetime. */
const retryPart = 1 / 20;

/**
 * The volumes of one simulated node: without files and issuer, otherwise like an agent's. Fallback deadlines use
 * monotonic time.
 */
export class ChaosVolumes implements FleetVolumes {
  behaviours: AgentBehaviour = 'honest';
  readonly #options: ChaosVolumesOptions;
  readonly #volumes = new Map<string, HeldVolume>();
  readonly #busy = new Set<string>();
  readonly #nextTryMs = new Map<string, number>();
  #listener: ((volumeId: string) => void) | undefined;
  #looks = 0;

  constructor(options: ChaosVolumesOptions, sketches: readonly VolumeSketch[]) {
    this.#options = options;
    for (const sketch of sketches) this.add(sketch);
  }

  add(sketch: VolumeSketch): void {
    const issuedAtMs = Date.now() - sketch.age * sketch.lifetimeMs;
    this.#set({ sketch, generation: 1, cause: 'mount', ...timesOf(issuedAtMs, sketch.lifetimeMs) });
  }

  remove(volumeId: string): void {
    this.#volumes.delete(volumeId);
    this.#nextTryMs.delete(volumeId);
    this.#listener?.(volumeId);
  }

  /** The true state of the volumes, independent of reports. */
  states(): readonly AgentVolume[] {
    const { node } = this.#options;
    return [...this.#volumes.values()].map((volume) => ({
      ...agentVolume(node, volume),
      isBusy: this.#busy.has(volume.sketch.id),
    }));
  }

  ids(): readonly string[] {
    const ids = [...this.#volumes.keys()];
    return this.behaviours === 'huge-reports'
      ? [...ids, ...Array.from({ length: 3_000 }, (_, i) => `csi-huge-${i}`)]
      : ids;
  }

  report(volumeId: string): VolumeReport | undefined {
    const { version, offsetMs } = this.#options;
    const volume = this.#volumes.get(volumeId);
    if (this.behaviours !== 'honest') return misreport(this.behaviours, volumeId, volume);
    return volume && reportOf(volume, { version, offsetMs: offsetMs() });
  }

  /** There are no files here. */
  describe(): VolumeDescription {
    return { chain: [], ca: [], truncated: false, absent: 'the volume has no certificate yet' };
  }

  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#listener = listener;
  }

  /** It always renews on request. */
  automaticWaitMs(): number {
    return 0;
  }

  async renew(volumeId: string, generation: number, isRequested: boolean): Promise<string> {
    if (this.behaviours === 'never-answers' || this.behaviours === 'invented-failures') return 'renewed';
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return 'not-found';
    if (volume.generation !== generation || this.#busy.has(volumeId)) return 'superseded';
    await this.#issue(volume, 'job', isRequested);
    return 'renewed';
  }

  defer(volumeId: string, generation: number, until: Date): Promise<string> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return Promise.resolve('not-found');
    if (volume.generation !== generation) return Promise.resolve('superseded');
    this.#set({ ...volume, deferredUntilMs: until.getTime() });
    return Promise.resolve('deferred');
  }

  /** Renews volumes without a job at their fallback deadline, and changes misreports; called periodically. */
  look(nowMs: number): void {
    for (const [volumeId, volume] of this.#volumes) {
      if (this.#busy.has(volumeId)) continue;
      const { issuedAtMs: notBeforeMs, renewAtMs, notAfterMs, deferredUntilMs } = volume;
      const deadlineMs = fallbackRenewalAtMs({ notBeforeMs, renewAtMs, notAfterMs }, deferredUntilMs);
      if (nowMs <= Math.max(deadlineMs, this.#nextTryMs.get(volumeId) ?? 0)) continue;
      void this.#issue(volume, 'deadline').catch(() => undefined);
    }
    this.#looks += 1;
    if (this.behaviours !== 'honest' && this.#looks % 4 === 0)
      for (const id of this.#volumes.keys()) this.#listener?.(id);
  }

  async #issue(volume: HeldVolume, cause: 'job' | 'deadline', isRequested = false): Promise<void> {
    const { node, issueMs, isIssuerAway, emit } = this.#options;
    const { id, issuer, lifetimeMs } = volume.sketch;
    const startedMs = Date.now();
    this.#busy.add(id);
    await sleep(issueMs);
    this.#busy.delete(id);
    const now = this.#volumes.get(id);
    if (now === undefined) return;
    const endedMs = Date.now();
    if (isIssuerAway(issuer)) {
      this.#nextTryMs.set(id, endedMs + lifetimeMs * retryPart);
      this.#set({ ...now, failure: { atMs: endedMs, attempts: (now.failure?.attempts ?? 0) + 1 } });
      emit({ kind: 'failed', node, volumeId: id, generation: now.generation });
      throw new Error('the issuer is unavailable');
    }
    emit({ kind: 'issued', issuance: { ...agentVolume(node, now), cause, isRequested, startedMs, endedMs } });
    this.#set({ sketch: volume.sketch, generation: now.generation + 1, cause, ...timesOf(endedMs, lifetimeMs) });
  }

  #set(volume: HeldVolume): void {
    this.#volumes.set(volume.sketch.id, volume);
    this.#listener?.(volume.sketch.id);
  }
}

function timesOf(issuedAtMs: number, lifetimeMs: number): Pick<HeldVolume, 'issuedAtMs' | 'renewAtMs' | 'notAfterMs'> {
  const issued = Math.round(issuedAtMs);
  return {
    issuedAtMs: issued,
    renewAtMs: Math.round(issued + lifetimeMs * renewAtPart),
    notAfterMs: issued + lifetimeMs,
  };
}

function agentVolume(node: string, { sketch, ...volume }: HeldVolume): Omit<AgentVolume, 'isBusy'> {
  const { generation, issuedAtMs, renewAtMs, notAfterMs } = volume;
  const { id, issuer, lifetimeMs } = sketch;
  return { node, volumeId: id, issuer, generation, lifetimeMs, issuedAtMs, renewAtMs, notAfterMs };
}

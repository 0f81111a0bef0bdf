import { setTimeout as sleep } from 'node:timers/promises';
import type { FleetVolumes, VolumeDescription } from '../../../apps/node-agent/src/fleet/fleet-volumes.ts';
import {
  Certificate,
  VolumeReport,
  VolumeReport_Cause,
  VolumeReport_State,
} from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { reportedCauses } from '../../../libs/fleet-model/src/report-terms.ts';
import { fallbackRenewalAtMs } from '../../../libs/fleet-model/src/certificate-times.ts';
import type { CertificateTimes } from '../../../libs/fleet-model/src/certificate-times.ts';

/** A simulated volume; its certificate is renewed after two thirds of its lifetime. */
export interface LivingVolumeSketch {
  readonly id: string;
  readonly issuer: string;
  readonly lifetimeMs: number;
  /** Renew-at of the first certificate, in milliseconds since the epoch. */
  readonly renewAtMs: number;
}

/** One replaced certificate as seen by the agent; times in milliseconds since the epoch. */
export interface LivedIssuance {
  readonly volumeId: string;
  readonly issuer: string;
  readonly cause: 'job' | 'deadline';
  readonly startedMs: number;
  readonly endedMs: number;
  /** Of the replaced certificate. */
  readonly renewAtMs: number;
  readonly notAfterMs: number;
}

interface Living {
  readonly sketch: LivingVolumeSketch;
  readonly times: CertificateTimes;
  readonly generation: number;
  readonly cause: VolumeReport_Cause;
  readonly failure?: { readonly at: Date; readonly attempts: number };
  readonly deferredUntil?: Date;
}

const renewAtPart = 2 / 3;

/** A node's volumes whose certificates age and are replaced, without files and issuer, otherwise like an agent's. */
export class LivingVolumes implements FleetVolumes {
  /** Every replaced certificate, in order of completion. */
  readonly issuances: LivedIssuance[] = [];
  readonly #renewed = new Set<string>();
  readonly #issueMs: number;
  readonly #volumes = new Map<string, Living>();
  readonly #busy = new Set<string>();
  readonly #failing = new Map<string, number>();
  /** No fallback deadline is before this time. */
  #nextDeadlineMs = Infinity;
  #listener: ((volumeId: string) => void) | undefined;

  /** `issueMs`: duration of an issuance. */
  constructor(issueMs: number, sketches: readonly LivingVolumeSketch[] = []) {
    this.#issueMs = issueMs;
    for (const sketch of sketches) this.add(sketch);
  }

  add(sketch: LivingVolumeSketch): void {
    this.#set(sketch.id, {
      sketch,
      times: timesOf(sketch.renewAtMs - sketch.lifetimeMs * renewAtPart, sketch.lifetimeMs),
      generation: 1,
      cause: VolumeReport_Cause.MOUNT,
    });
  }

  /** Lets the next attempts of a volume fail. */
  fail(volumeId: string, times: number): void {
    this.#failing.set(volumeId, times);
  }

  /** The number of volumes that were renewed at least once. */
  get renewed(): number {
    return this.#renewed.size;
  }

  generation(volumeId: string): number | undefined {
    return this.#volumes.get(volumeId)?.generation;
  }

  ids(): readonly string[] {
    return [...this.#volumes.keys()];
  }

  report(volumeId: string): VolumeReport | undefined {
    const volume = this.#volumes.get(volumeId);
    return volume && reportOf(volume);
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

  async renew(volumeId: string, generation: number): Promise<string> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return 'not-found';
    if (volume.generation !== generation || this.#busy.has(volumeId)) return 'superseded';
    await this.#issue(volume, 'job');
    return 'renewed';
  }

  defer(volumeId: string, generation: number, until: Date): Promise<string> {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return Promise.resolve('not-found');
    if (volume.generation !== generation) return Promise.resolve('superseded');
    this.#set(volumeId, { ...volume, deferredUntil: until });
    return Promise.resolve('deferred');
  }

  /** Renews volumes without a job at their fallback deadline; called periodically. */
  meetDeadlines(nowMs: number): void {
    if (nowMs <= this.#nextDeadlineMs) return;
    this.#nextDeadlineMs = Infinity;
    for (const [volumeId, volume] of this.#volumes) {
      if (this.#busy.has(volumeId)) continue;
      const deadlineMs = deadlineOf(volume);
      if (nowMs > deadlineMs) void this.#issue(volume, 'deadline').catch(() => undefined);
      else this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineMs);
    }
  }

  async #issue(volume: Living, cause: LivedIssuance['cause']): Promise<void> {
    const { id, issuer, lifetimeMs } = volume.sketch;
    const startedMs = Date.now();
    this.#busy.add(id);
    await sleep(this.#issueMs);
    this.#busy.delete(id);
    const failures = this.#failing.get(id) ?? 0;
    if (failures > 0) {
      this.#failing.set(id, failures - 1);
      this.#set(id, { ...volume, failure: { at: new Date(), attempts: (volume.failure?.attempts ?? 0) + 1 } });
      throw new Error('the issuer is unavailable');
    }
    const endedMs = Date.now();
    const { renewAtMs, notAfterMs } = volume.times;
    this.#renewed.add(id);
    this.issuances.push({
      volumeId: id,
      issuer,
      cause,
      startedMs,
      endedMs,
      renewAtMs,
      notAfterMs,
    });
    this.#set(id, {
      sketch: volume.sketch,
      times: timesOf(endedMs, lifetimeMs),
      generation: volume.generation + 1,
      cause: reportedCauses[cause],
    });
  }

  #set(volumeId: string, volume: Living): void {
    this.#volumes.set(volumeId, volume);
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, deadlineOf(volume));
    this.#listener?.(volumeId);
  }
}

function deadlineOf({ times, deferredUntil }: Living): number {
  return fallbackRenewalAtMs(times, deferredUntil?.getTime());
}

function timesOf(notBeforeMs: number, lifetimeMs: number): CertificateTimes {
  return { notBeforeMs, renewAtMs: notBeforeMs + lifetimeMs * renewAtPart, notAfterMs: notBeforeMs + lifetimeMs };
}

/** As long as a real report, so that it has the same cost. */
function reportOf({ sketch, times, generation, cause, failure, deferredUntil }: Living): VolumeReport {
  const serial = `${generation}`.padStart(8, '0');
  return VolumeReport.fromPartial({
    volumeId: sketch.id,
    pod: { namespace: 'payments', name: `api-7c9c5d6f8d-${sketch.id.slice(-5)}`, uid: uidOf(sketch.id) },
    issuer: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: sketch.issuer },
    generation,
    state: failure === undefined ? VolumeReport_State.READY : VolumeReport_State.FAILING,
    cause,
    certificate: Certificate.fromPartial({
      serialNumber: `${sketch.id.slice(-24)}${serial}`.replaceAll(/[^0-9a-f]/g, 'e'),
      fingerprintSha256: `${sketch.id.slice(-56)}${serial}`.replaceAll(/[^0-9a-f]/g, 'f').padStart(64, '0'),
      notBefore: new Date(times.notBeforeMs),
      notAfter: new Date(times.notAfterMs),
      renewAt: new Date(times.renewAtMs),
      issuedAt: new Date(times.notBeforeMs),
      caFingerprintsSha256: ['ca'.repeat(32)],
      subject: 'CN=api',
      dnsNames: ['api.payments.svc'],
    }),
    ...(deferredUntil && { deferredUntil }),
    ...(failure && { lastFailure: { ...failure, reason: 'IssuerFailed', message: 'the issuer is unavailable' } }),
  });
}

/** A pod's uid, derived from the end of the volume's id, which is unique. */
function uidOf(volumeId: string): string {
  const digits = volumeId.slice(-32).padStart(32, '0');
  return [8, 12, 16, 20, 32].map((to, i) => digits.slice([0, 8, 12, 16, 20][i], to)).join('-');
}

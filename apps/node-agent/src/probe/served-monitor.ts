import { servedStates } from '@certfleet/fleet-model/vocabulary.ts';
import type { ProbeFailure, ServedState } from '@certfleet/fleet-model/vocabulary.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { RequestLimiter } from '@certfleet/shared/kube/request-limiter.ts';
import { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { PodIdentity } from '../spec/volume-spec.ts';
import type { Volume } from '../volume/volume.ts';
import { podAddresses } from './pod-addresses.ts';
import type { ProbedPod } from './pod-addresses.ts';
import { readServedCertificate } from './read-served-certificate.ts';
import type { ProbeResult } from './read-served-certificate.ts';
import { ServedTracker } from './served-tracker.ts';
import type { ServedStatus, WrittenCertificate } from './served-tracker.ts';

/** The parts of a volume that the monitor uses. */
export type ProbedVolume = Pick<Volume, 'volumeId' | 'spec' | 'isRemoving' | 'unpublished'> & {
  readonly record: Pick<Volume['record'], 'phase' | 'issued'>;
};

export interface ServedMonitorOptions {
  readonly nodeName: string;
  /** Between two probes of a volume whose certificate is served. */
  readonly intervalMs: number;
  /** Limit of probes per second, and so of requests to the API server. */
  readonly maxPerSecond: number;
  readonly volume: (volumeId: string) => ProbedVolume | undefined;
  /** Reads a pod from the API server; undefined if it does not exist. */
  readonly getPod: (pod: PodIdentity, signal: AbortSignal) => Promise<ProbedPod | undefined>;
  readonly readCertificate?: typeof readServedCertificate;
  readonly clock: Clock;
  /** Random numbers in [0, 1), for jitter. */
  readonly random?: () => number;
  readonly observe: (result: 'certificate' | ProbeFailure) => void;
  readonly onNotLoaded: (volume: ProbedVolume, since: Date) => void;
  /** The API server has begun to return no pods; the states stay as they are. */
  readonly onApiError: (thrown: unknown) => void;
}

/** Probes in progress. */
const maxInFlight = 8;

/** Slow servers of one namespace must not delay the probes of others. */
const concurrentPerNamespace = 2;

/**
 * Probes the pods of volumes that ask for it, and compares the certificate that they serve with the volume's. The pod's
 * address is read from the API server before each probe, because an address is given to another pod soon after its pod
 * is gone.
 */
export class ServedMonitor {
  readonly #options: ServedMonitorOptions;
  readonly #trackers = new Map<string, ServedTracker>();
  readonly #scheduler: RenewalScheduler;
  readonly #limiter: RequestLimiter;
  readonly #stopping = new AbortController();
  readonly #random: () => number;
  #isApiFailing = false;
  #onChange: ((volumeId: string) => void) | undefined;

  constructor(options: ServedMonitorOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const burst = Math.max(1, Math.floor(options.maxPerSecond));
    this.#limiter = new RequestLimiter({ maxInFlight, qps: options.maxPerSecond, burst }, options.clock);
    const renew = (volumeId: string): Promise<void> => this.#probe(volumeId);
    this.#scheduler = new RenewalScheduler({ clock: options.clock, maxPerGroup: concurrentPerNamespace, renew });
  }

  /** The state of a volume; undefined if it is not probed. */
  status(volumeId: string): ServedStatus | undefined {
    return this.#trackers.get(volumeId)?.status;
  }

  /** Number of volumes by state. */
  counts(): Readonly<Record<ServedState, number>> {
    const counts = Object.fromEntries(servedStates.map((state) => [state, 0])) as Record<ServedState, number>;
    for (const { status } of this.#trackers.values()) counts[status.state] += 1;
    return counts;
  }

  /** Sets the listener for changes of a volume's state; undefined for none. */
  onChange(listener: ((volumeId: string) => void) | undefined): void {
    this.#onChange = listener;
  }

  /** Call it when a volume was added, changed or removed. */
  volumeChanged(volumeId: string): void {
    if (this.#stopping.signal.aborted) return;
    const volume = this.#options.volume(volumeId);
    const certificate = volume === undefined ? undefined : probedCertificate(volume);
    if (volume === undefined || certificate === undefined) {
      this.#trackers.delete(volumeId);
      this.#scheduler.unschedule(volumeId);
      return;
    }
    const tracker = this.#trackers.get(volumeId);
    if (tracker?.written(certificate) === false) return;
    if (tracker === undefined) this.#trackers.set(volumeId, new ServedTracker(certificate, this.#options.clock));
    this.#schedule(volume);
  }

  /** Ends the probes in progress and waits for them. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#scheduler.stop();
  }

  #schedule({ volumeId, spec }: ProbedVolume): void {
    const { clock, intervalMs } = this.#options;
    const tracker = this.#trackers.get(volumeId);
    if (tracker === undefined) return;
    // Spreads the probes of volumes that were renewed or restored together.
    const delayMs = tracker.nextDelayMs(intervalMs) * (1 + this.#random() / 4);
    this.#scheduler.schedule(volumeId, { monotonicMs: clock.monotonic() + delayMs }, spec.pod.namespace);
  }

  /** Probes a volume once and schedules the next time. Never rejects. */
  async #probe(volumeId: string): Promise<void> {
    const volume = this.#options.volume(volumeId);
    const tracker = this.#trackers.get(volumeId);
    if (volume === undefined || tracker === undefined) return;
    const { certificate } = tracker;
    const signal = AbortSignal.any([this.#stopping.signal, volume.unpublished.signal]);
    try {
      const result = await this.#limiter.run(() => this.#read(volume, signal), signal);
      this.#options.observe('failure' in result ? result.failure : 'certificate');
      // Not if the volume was removed or renewed in the meantime: then the result is about another certificate.
      if (!signal.aborted && tracker.certificate === certificate && this.#trackers.get(volumeId) === tracker)
        this.#conclude(volume, tracker, result);
    } catch (thrown) {
      tracker.missed();
      if (!signal.aborted) this.#apiFailed(thrown);
    }
    if (!signal.aborted && !this.#scheduler.isScheduled(volumeId)) this.#schedule(volume);
  }

  #apiFailed(thrown: unknown): void {
    if (!this.#isApiFailing) this.#options.onApiError(thrown);
    this.#isApiFailing = true;
  }

  #conclude(volume: ProbedVolume, tracker: ServedTracker, result: ProbeResult): void {
    const { state } = tracker.status;
    if (!tracker.probed(result)) return;
    const { status } = tracker;
    if (status.state === 'not-loaded' && state !== 'not-loaded') this.#options.onNotLoaded(volume, status.since);
    this.#onChange?.(volume.volumeId);
  }

  /** The first certificate that one of the pod's addresses presents. */
  async #read({ spec: { pod, probe } }: ProbedVolume, signal: AbortSignal): Promise<ProbeResult> {
    const { getPod, nodeName, clock, readCertificate = readServedCertificate } = this.#options;
    if (probe === undefined) return { failure: 'no-address' };
    const seen = await getPod(pod, signal);
    this.#isApiFailing = false;
    const found = podAddresses(seen, { uid: pod.uid, nodeName });
    if ('failure' in found) return found;
    let result: ProbeResult = { failure: 'no-address' };
    for (const address of found.addresses) {
      if (signal.aborted) break;
      result = await readCertificate({ address, ...probe }, { clock, signal });
      if (!('failure' in result)) break;
    }
    return result;
  }
}

/** The certificate to look for; undefined if the volume is not to be probed, or not yet. */
function probedCertificate({ spec, record, isRemoving }: ProbedVolume): WrittenCertificate | undefined {
  return spec.probe === undefined || isRemoving || record.phase !== 'published' ? undefined : record.issued;
}

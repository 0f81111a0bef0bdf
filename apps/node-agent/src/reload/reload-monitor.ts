import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { RequestLimiter } from '@certfleet/shared/kube/request-limiter.ts';
import type { PodContainers } from '../kube/pod-containers.ts';
import type { ReloadResult } from '../observability/agent-metrics.ts';
import { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { PodIdentity, ReloadSpec } from '../spec/volume-spec.ts';
import type { Volume } from '../volume/volume.ts';
import type { SignalOrder } from './signal-containers.ts';

/** The parts of a volume that the monitor uses. */
export type ReloadedVolume = Pick<Volume, 'volumeId' | 'spec' | 'isRemoving' | 'unpublished'> & {
  readonly record: Pick<Volume['record'], 'phase' | 'signalledGeneration' | keyof PodFiles>;
};

/** The files of a pod: those of a generation, with this additional trust. Each change of the trust is another object. */
export type PodFiles = Pick<Volume['record'], 'generation' | 'trust'>;

export interface ReloadMonitorOptions {
  readonly nodeName: string;
  readonly volume: (volumeId: string) => ReloadedVolume | undefined;
  /** Reads a pod from the API server; undefined if it does not exist. */
  readonly getContainers: (pod: PodIdentity, signal: AbortSignal) => Promise<PodContainers | undefined>;
  readonly signalContainers: (order: SignalOrder) => Promise<ReadonlySet<string>>;
  /** Stores that the pod knows these files, unless they have changed. Never rejects. */
  readonly store: (volumeId: string, files: PodFiles) => Promise<void>;
  readonly clock: Clock;
  readonly observe: (result: ReloadResult) => void;
  readonly onSignalled: (volume: ReloadedVolume, containers: readonly string[]) => void;
  readonly onFailed: (volume: ReloadedVolume, error: CertfleetError) => void;
}

/** Limits of the requests to the API server and of the searches of /proc. */
const limits = { maxInFlight: 2, qps: 5, burst: 10 };
/** Volumes of one namespace must not delay those of others. */
const concurrentPerNamespace = 2;
/** Attempts to find a running container's process, which may have just started or ended. */
const maxSearches = 5;
const firstDelayMs = 1_000;
const maxDelayMs = 60_000;

/** The attempts after one renewal, or one change of the CA file. */
interface Progress {
  readonly files: PodFiles;
  /** Attempts that read no pod. */
  unread: number;
  /** Attempts in a row that found a running container without its process. */
  searches: number;
}

/**
 * Signals the containers of pods after renewals and changes of the CA file, once each: the record says which generation
 * the pod knows, so that a restart of the agent loses no signal. Failures are reported and never affect a renewal.
 */
export class ReloadMonitor {
  readonly #options: ReloadMonitorOptions;
  readonly #progress = new Map<string, Progress>();
  readonly #scheduler: RenewalScheduler;
  readonly #limiter: RequestLimiter;
  readonly #stopping = new AbortController();

  constructor(options: ReloadMonitorOptions) {
    this.#options = options;
    this.#limiter = new RequestLimiter(limits, options.clock);
    const renew = (volumeId: string): Promise<void> => this.#reload(volumeId);
    this.#scheduler = new RenewalScheduler({ clock: options.clock, maxPerGroup: concurrentPerNamespace, renew });
  }

  /** Call it when a volume was added, changed or removed. */
  volumeChanged(volumeId: string): void {
    if (this.#stopping.signal.aborted) return;
    const volume = this.#options.volume(volumeId);
    if (volume?.spec.reload === undefined || volume.isRemoving || volume.record.phase !== 'published') {
      this.#forget(volumeId);
      return;
    }
    const { generation, trust, signalledGeneration } = volume.record;
    const files = { generation, trust };
    const progress = this.#progress.get(volumeId);
    // An earlier version of the agent mounted the volume; the certificate may be older than the containers.
    if (signalledGeneration === undefined) void this.#options.store(volumeId, files);
    else if (generation > signalledGeneration && (progress === undefined || !isSame(progress.files, files))) {
      // Changes that follow each other fast are no reason to search without end.
      this.#progress.set(volumeId, { files, unread: 0, searches: progress?.searches ?? 0 });
      this.#schedule(volume, 0);
    }
  }

  /** Ends the work in progress and waits for it. */
  async stop(): Promise<void> {
    this.#stopping.abort(new CertfleetError('cancelled', 'the agent is stopping'));
    await this.#scheduler.stop();
  }

  #forget(volumeId: string): void {
    this.#progress.delete(volumeId);
    this.#scheduler.unschedule(volumeId);
  }

  #schedule({ volumeId, spec }: ReloadedVolume, delayMs: number): void {
    const monotonicMs = this.#options.clock.monotonic() + delayMs;
    this.#scheduler.schedule(volumeId, { monotonicMs }, spec.pod.namespace);
  }

  /** Makes one attempt. Never rejects. */
  async #reload(volumeId: string): Promise<void> {
    const volume = this.#options.volume(volumeId);
    const progress = this.#progress.get(volumeId);
    if (volume?.spec.reload === undefined || progress === undefined) return;
    const { reload } = volume.spec;
    const signal = AbortSignal.any([this.#stopping.signal, volume.unpublished.signal]);
    let isDone: boolean;
    try {
      isDone = await this.#limiter.run(() => this.#attempt({ volume, reload, progress, signal }), signal);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asCertfleetError(thrown);
      isDone = !error.retryable && error.code !== 'cancelled';
      if (isDone) this.#failed(volume, error);
      else progress.unread += 1;
    }
    if (signal.aborted) return;
    // A change in the meantime has its own attempts.
    if (this.#progress.get(volumeId) !== progress) return;
    if (isDone) {
      progress.searches = 0;
      await this.#options.store(volumeId, progress.files);
    } else this.#schedule(volume, delayAfter(progress.unread + progress.searches));
  }

  #failed(volume: ReloadedVolume, error: CertfleetError): void {
    this.#options.observe('failed');
    this.#options.onFailed(volume, error);
  }

  /**
   * @returns whether the files need no other attempt
   * @throws CertfleetError as `getContainers` and `signalContainers` do
   */
  async #attempt({ volume, reload, progress, signal }: AttemptParts): Promise<boolean> {
    const { getContainers, signalContainers, observe, onSignalled, nodeName } = this.#options;
    const { pod } = volume.spec;
    const seen = await getContainers(pod, signal);
    progress.unread = 0;
    signal.throwIfAborted();
    const containers = seen?.uid === pod.uid && seen.nodeName === nodeName ? selected(seen, reload) : [];
    const running = new Map(containers.flatMap(({ name, runningId }) => (runningId ? [[runningId, name]] : [])));
    if (running.size === 0) {
      observe('not-running');
      return true;
    }
    const order = { podUid: pod.uid, containerIds: [...running.keys()], signal: reload.signal };
    const signalled = await signalContainers(order);
    const missing = [...running].flatMap(([id, name]) => (signalled.has(id) ? [] : [name]));
    if (missing.length === 0) {
      observe('signalled');
      onSignalled(volume, [...running.values()]);
      return true;
    }
    progress.searches += 1;
    if (progress.searches >= maxSearches) this.#failed(volume, notFound(missing));
    return progress.searches >= maxSearches;
  }
}

/** Whether a pod that knows one of them knows the other. */
export function isSame(a: PodFiles, b: PodFiles): boolean {
  return a.generation === b.generation && a.trust === b.trust;
}

interface AttemptParts {
  readonly volume: ReloadedVolume;
  readonly reload: ReloadSpec;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * The containers that get the signal.
 * @throws CertfleetError failed-precondition if the pod has no container of a name
 */
function selected({ containers }: PodContainers, { containers: names }: ReloadSpec): PodContainers['containers'] {
  const unknown = names.filter((name) => !containers.some((container) => container.name === name));
  if (unknown.length > 0) {
    const known = containers.map(({ name }) => name).join(', ');
    const message = `reload-containers: the pod has no container ${unknown.join(', ')}, it has ${known}`;
    throw new CertfleetError('failed-precondition', message, { retryable: false });
  }
  return names.length === 0 ? containers : containers.filter(({ name }) => names.includes(name));
}

function notFound(missing: readonly string[]): CertfleetError {
  const message =
    `found no process 1 of container ${missing.join(', ')} on the node: the pod shares a PID namespace ` +
    "(shareProcessNamespace, hostPID) or runs in a sandbox with its own kernel, or the agent does not share the node's";
  return new CertfleetError('failed-precondition', message, { retryable: false });
}

function delayAfter(attempts: number): number {
  return doubledDelayMs(firstDelayMs, attempts - 1, maxDelayMs);
}

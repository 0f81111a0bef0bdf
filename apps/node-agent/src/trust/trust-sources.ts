import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { boundedSignal } from '@certfleet/shared/kube/bounded-signal.ts';
import { orAborted } from '@certfleet/shared/or-aborted.ts';
import type { CaCertificate } from '../crypto/ca-certificates.ts';
import { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { SourceRoots } from '../volume/compose-trust.ts';
import { sourceName, TrustObjectReader } from './trust-object.ts';
import type { TrustObject } from './trust-object.ts';

/** A volume as the sources see it. */
export interface TrustingVolume {
  readonly volumeId: string;
  readonly spec: Pick<VolumeSpec, 'pod' | 'trust'>;
}

export interface TrustSourcesOptions {
  readonly client: Pick<KubeClient, 'request'>;
  readonly clock: Clock;
  /** Between two reads of a source, which all of its volumes share. */
  readonly intervalMs: number;
  /** Random numbers in [0, 1), for jitter. */
  readonly random?: () => number;
  /** A source has other certificates than before. */
  readonly onChange: (volumeIds: Iterable<string>) => void;
  /** A source is missing or invalid; its last certificates stay in use. Called once per problem. */
  readonly onProblem: (volumeIds: Iterable<string>, source: string, error: CertfleetError) => void;
  readonly observe: (counts: { readonly current: number; readonly failed: number }) => void;
}

interface Source {
  readonly object: TrustObject;
  readonly volumeIds: Set<string>;
  /** The last good ones; undefined until the first good read. */
  roots: readonly CaCertificate[] | undefined;
  problem: string | undefined;
  reading: Promise<void> | undefined;
}

const readTimeoutMs = 10_000;
const concurrentReads = 4;
const group = 'sources';

/**
 * The ConfigMaps and ClusterTrustBundles that volumes of this node name. Each is read at an interval with jitter, once for
 * all of its volumes, with the right to get single objects only.
 */
export class TrustSources {
  readonly #options: TrustSourcesOptions;
  readonly #reader: TrustObjectReader;
  readonly #sources = new Map<string, Source>();
  readonly #scheduler: RenewalScheduler;
  readonly #stop = new AbortController();

  constructor(options: TrustSourcesOptions) {
    this.#options = options;
    this.#reader = new TrustObjectReader(options.client);
    const renew = (key: string): Promise<void> => this.#poll(key);
    this.#scheduler = new RenewalScheduler({ clock: options.clock, maxPerGroup: concurrentReads, renew });
  }

  /** What the sources of a volume give it, as far as they were read. */
  given({ spec }: Pick<TrustingVolume, 'spec'>): readonly SourceRoots[] {
    return objectsOf(spec).flatMap((object) => {
      const roots = this.#sources.get(keyOf(object))?.roots;
      return roots === undefined ? [] : [{ source: sourceName(object), roots }];
    });
  }

  /** Call it when a volume was added or removed. */
  volumeChanged(volumeId: string, volume: TrustingVolume | undefined): void {
    if (volume === undefined) {
      // A source without volumes ends with its next read.
      for (const { volumeIds } of this.#sources.values()) volumeIds.delete(volumeId);
      return;
    }
    for (const object of objectsOf(volume.spec)) this.#sourceOf(object, volumeId);
  }

  /**
   * Resolves once every source of a new volume was read.
   * @throws CertfleetError unavailable, reason TrustSourceFailed, that says what is wrong with which source
   */
  async loaded({ volumeId, spec }: TrustingVolume, signal: AbortSignal): Promise<void> {
    for (const object of objectsOf(spec)) {
      const source = this.#sourceOf(object, volumeId);
      if (source.roots !== undefined) continue;
      try {
        // A caller whose signal ends does not end the read of the others.
        await orAborted(this.#read(source), signal);
      } catch (thrown) {
        signal.throwIfAborted();
        const { message } = asCertfleetError(thrown);
        const text = `additional trust from ${sourceName(object)}: ${message}`;
        throw new CertfleetError('unavailable', text, { reason: 'TrustSourceFailed', cause: thrown });
      }
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort(new CertfleetError('cancelled', 'the agent is stopping'));
    await this.#scheduler.stop();
  }

  #sourceOf(object: TrustObject, volumeId: string): Source {
    const key = keyOf(object);
    const known = this.#sources.get(key);
    if (known !== undefined) {
      known.volumeIds.add(volumeId);
      return known;
    }
    const volumeIds = new Set([volumeId]);
    const source: Source = { object, volumeIds, roots: undefined, problem: undefined, reading: undefined };
    this.#sources.set(key, source);
    this.#schedule(key, 0);
    return source;
  }

  #schedule(key: string, delayMs: number): void {
    this.#scheduler.schedule(key, { monotonicMs: this.#options.clock.monotonic() + delayMs }, group);
  }

  /** Reads a source and schedules the next time. Never rejects. */
  async #poll(key: string): Promise<void> {
    const { intervalMs, random = Math.random } = this.#options;
    const source = this.#sources.get(key);
    if (source === undefined || this.#stop.signal.aborted) return;
    if (source.volumeIds.size === 0) {
      this.#sources.delete(key);
      this.#observe();
      return;
    }
    await this.#read(source).catch(() => undefined);
    this.#schedule(key, intervalMs * (0.75 + random() / 2));
  }

  /** One read at a time. */
  #read(source: Source): Promise<void> {
    source.reading ??= this.#readNow(source).finally(() => (source.reading = undefined));
    return source.reading;
  }

  async #readNow(source: Source): Promise<void> {
    const { clock, onChange, onProblem } = this.#options;
    const bound = boundedSignal(clock, readTimeoutMs, this.#stop.signal);
    try {
      const roots = await this.#reader.read(source.object, bound.signal);
      const isChanged = fingerprintsOf(roots) !== fingerprintsOf(source.roots ?? []);
      source.roots = roots;
      source.problem = undefined;
      if (isChanged) onChange([...source.volumeIds]);
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (!this.#stop.signal.aborted && error.message !== source.problem) {
        source.problem = error.message;
        if (isOwnProblem(error)) onProblem([...source.volumeIds], sourceName(source.object), error);
      }
      throw error;
    } finally {
      bound.dispose();
      this.#observe();
    }
  }

  #observe(): void {
    const failed = [...this.#sources.values()].filter(({ problem }) => problem !== undefined).length;
    this.#options.observe({ current: this.#sources.size - failed, failed });
  }
}

/** Not while the API server is unavailable, which concerns every source. */
function isOwnProblem({ code }: CertfleetError): boolean {
  return code === 'not-found' || code === 'invalid-argument' || code === 'permission-denied';
}

function objectsOf({ pod, trust }: TrustingVolume['spec']): readonly TrustObject[] {
  return trust.map((ref) => ({ ...ref, namespace: ref.kind === 'ConfigMap' ? pod.namespace : '' }));
}

function keyOf(object: TrustObject): string {
  return `${object.namespace}/${sourceName(object)}`;
}

function fingerprintsOf(roots: readonly CaCertificate[]): string {
  return roots.map(({ fingerprint }) => fingerprint).join();
}

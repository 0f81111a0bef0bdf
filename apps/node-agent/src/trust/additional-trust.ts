import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { AskTrust, TrustAnswer } from '../volume/compose-trust.ts';
import type { Volume } from '../volume/volume.ts';
import { CaRotations, clusterRotations, isRotation } from './ca-rotations.ts';
import type { CaRotationsOptions } from './ca-rotations.ts';
import { RotationFiles } from './rotation-files.ts';
import { TrustMonitor } from './trust-monitor.ts';
import type { TrustMonitorOptions } from './trust-monitor.ts';
import { TrustSources } from './trust-sources.ts';
import type { TrustingVolume, TrustSourcesOptions } from './trust-sources.ts';

/** Which sources of additional trust the agent follows. */
export interface TrustSettings {
  /** The API server; undefined without a cluster. */
  readonly client: Pick<KubeClient, 'request' | 'watch'> | undefined;
  readonly followsRotations: boolean;
  /** Directory of the CARotation objects of a controller without Kubernetes. */
  readonly rotationsDirectory?: string;
  /** Interval between reads of ConfigMaps and ClusterTrustBundles; undefined if they are not read. */
  readonly sourceIntervalMs: number | undefined;
}

export interface AdditionalTrustOptions
  extends TrustSettings, Omit<CaRotationsOptions, 'onChange' | 'openWatch'>, Omit<TrustMonitorOptions, 'volumes'> {
  readonly volumes: () => Iterable<Volume>;
  readonly volume: (volumeId: string) => Volume | undefined;
  readonly onSourceProblem: (volume: Volume, source: string, error: CertfleetError) => void;
  readonly observeSources: TrustSourcesOptions['observe'];
}

const noExclusion: ReadonlySet<string> = new Set();

/** The sources of additional trust of a node's volumes, and the updates that follow from them. */
export class AdditionalTrust {
  readonly #options: AdditionalTrustOptions;
  readonly #monitor: TrustMonitor;
  readonly #rotations: CaRotations | undefined;
  readonly #sources: TrustSources | undefined;

  constructor(options: AdditionalTrustOptions) {
    this.#options = options;
    const { client, sourceIntervalMs: intervalMs, observeSources: observe } = options;
    const monitor = new TrustMonitor(options);
    this.#monitor = monitor;
    const openWatch = placeOfRotations(options);
    if (openWatch !== undefined)
      this.#rotations = new CaRotations({ ...options, openWatch, onChange: () => monitor.allChanged() });
    if (intervalMs === undefined || client === undefined) return;
    this.#sources = new TrustSources({
      ...options,
      client,
      intervalMs,
      observe,
      onChange: (volumeIds) => monitor.changed(volumeIds),
      onProblem: (volumeIds, source, error) => this.#sourceFailed(volumeIds, source, error),
    });
  }

  /** What the sources say about a volume. A source that the agent does not follow, or has not read, is unknown. */
  readonly ask: AskTrust = (volume, own): TrustAnswer => {
    const rotations = this.#rotations?.answer(own);
    const given = [...(rotations?.given ?? []), ...(this.#sources?.given(volume) ?? [])];
    const isUnknown = (source: string): boolean =>
      isRotation(source) && rotations !== undefined ? rotations.isUnknown(source) : true;
    return { given, isUnknown, excluded: rotations?.excluded ?? noExclusion };
  };

  /**
   * Resolves when the sources that a new volume names were read, and the CARotations or their absence are known, so that
   * its first CA file lacks no root that other pods rely on.
   * @throws CertfleetError as TrustSources.loaded does
   */
  readonly loaded = async (volume: TrustingVolume, signal: AbortSignal): Promise<void> => {
    await this.#rotations?.known(signal);
    await this.#sources?.loaded(volume, signal);
  };

  /** Call it when a volume was added, changed or removed. */
  volumeChanged(volumeId: string): void {
    this.#sources?.volumeChanged(volumeId, this.#options.volume(volumeId));
  }

  /** Call it once the volumes of an earlier run are restored. */
  start(): void {
    this.#rotations?.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#rotations?.stop(), this.#sources?.stop()]);
    await this.#monitor.stop();
  }

  #sourceFailed(volumeIds: Iterable<string>, source: string, error: CertfleetError): void {
    for (const volumeId of volumeIds) {
      const volume = this.#options.volume(volumeId);
      // The first certificate of a volume waits for its sources and reports why.
      if (volume?.record.issued !== undefined) this.#options.onSourceProblem(volume, source, error);
    }
  }
}

function placeOfRotations(options: AdditionalTrustOptions): CaRotationsOptions['openWatch'] | undefined {
  const { client, followsRotations, rotationsDirectory: directory, clock } = options;
  if (!followsRotations) return undefined;
  if (directory !== undefined) return (handlers) => new RotationFiles({ directory, clock, ...handlers });
  return client && clusterRotations({ ...options, client });
}

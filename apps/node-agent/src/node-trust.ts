import type { CertificateSource } from './certificate-source.ts';
import type { AgentConfig } from './config.ts';
import type { AgentMetrics } from './observability/agent-metrics.ts';
import { AdditionalTrust } from './trust/additional-trust.ts';
import type { AdditionalTrustOptions, TrustSettings } from './trust/additional-trust.ts';
import type { VolumeManager } from './volume/volume-manager.ts';
import type { VolumeReporter } from './volume/volume-reporter.ts';

/** Undefined if the configuration or the lack of a cluster or controller allows no sources of additional trust. */
export function trustSettings(
  config: Pick<AgentConfig, 'ca-rotations' | 'trust-source-interval'>,
  { client, rotationsDirectory }: Pick<CertificateSource, 'client' | 'rotationsDirectory'>,
): TrustSettings | undefined {
  if (rotationsDirectory !== undefined)
    return { client: undefined, followsRotations: true, rotationsDirectory, sourceIntervalMs: undefined };
  const { 'ca-rotations': followsRotations, 'trust-source-interval': sourceIntervalMs } = config;
  if (client === undefined || (!followsRotations && sourceIntervalMs === undefined)) return undefined;
  return { client, followsRotations, sourceIntervalMs };
}

type TrustDependencies = Pick<AdditionalTrustOptions, 'clock' | 'log' | 'random'> & { readonly metrics: AgentMetrics };

/** The sources of additional trust of the node's volumes, which exist only later. */
export function openTrust(
  settings: TrustSettings,
  { clock, log, metrics, random }: TrustDependencies,
  { manager, reporter }: { readonly manager: () => VolumeManager; readonly reporter: VolumeReporter },
): AdditionalTrust {
  return new AdditionalTrust({
    ...settings,
    clock,
    log,
    ...(random && { random }),
    volumes: () => manager().volumes(),
    volume: (volumeId) => manager().volume(volumeId),
    update: (volumeId) => manager().updateTrust(volumeId),
    observe: (result) => metrics.trustUpdateEnded(result),
    onFailed: (volumeId, error) => reporter.trustUpdateFailed(volumeId, error),
    onSourceProblem: (volume, source, error) => reporter.trustSourceFailed(volume, source, error),
    observeSources: (counts) => metrics.trustSources(counts),
  });
}

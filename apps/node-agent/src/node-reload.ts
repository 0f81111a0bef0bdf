import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertificateSource } from './certificate-source.ts';
import type { AgentConfig } from './config.ts';
import { getPodContainers } from './kube/pod-containers.ts';
import type { AgentMetrics } from './observability/agent-metrics.ts';
import { loadProcessCalls } from './reload/process-calls.ts';
import { isSame, ReloadMonitor } from './reload/reload-monitor.ts';
import type { ReloadMonitorOptions } from './reload/reload-monitor.ts';
import { signalContainers } from './reload/signal-containers.ts';
import type { VolumeManager } from './volume/volume-manager.ts';
import type { VolumeReporter } from './volume/volume-reporter.ts';

/** How the agent signals containers. */
export type ReloadSettings = Pick<ReloadMonitorOptions, 'nodeName' | 'getContainers' | 'signalContainers'>;

/** Undefined if the configuration or the lack of a cluster allows no signals. */
export function reloadSettings(
  config: Pick<AgentConfig, 'reload-signals' | 'node-id'>,
  { client }: Pick<CertificateSource, 'client'>,
): ReloadSettings | undefined {
  if (!config['reload-signals'] || client === undefined) return undefined;
  const calls = loadProcessCalls();
  return {
    nodeName: config['node-id'],
    getContainers: (pod, signal) => getPodContainers(client, pod, signal),
    signalContainers: (order) => signalContainers({ calls }, order),
  };
}

interface ReloadDependencies {
  readonly clock: Clock;
  readonly metrics: AgentMetrics;
  readonly manager: VolumeManager;
  readonly reporter: VolumeReporter;
}

/** The signals after the renewals of the node's volumes, and after changes of their CA files. */
export function openReload(
  settings: ReloadSettings,
  { clock, metrics, manager, reporter }: ReloadDependencies,
): ReloadMonitor {
  return new ReloadMonitor({
    ...settings,
    clock,
    volume: (volumeId) => manager.volume(volumeId),
    store: (volumeId, files) =>
      manager.change(volumeId, (volume) => {
        if (!volume.isRemoving && isSame(files, volume.record)) volume.signalled(files.generation);
        return false;
      }),
    observe: (result) => metrics.reloadEnded(result),
    onSignalled: (volume, containers) => reporter.signalled(volume, containers),
    onFailed: (volume, error) => reporter.reloadFailed(volume, error),
  });
}

import type { KeyObject } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { CertificateSource } from './certificate-source.ts';
import type { AgentConfig } from './config.ts';
import type { MountTable } from './mount/mount-table.ts';
import type { Mounter } from './mount/mounter.ts';
import type { AgentMetrics } from './observability/agent-metrics.ts';
import { RenewalScheduler } from './renewal/renewal-scheduler.ts';
import type { KeySpec } from './spec/volume-spec.ts';
import { systemFiles } from './storage/file-system.ts';
import type { FileSystem } from './storage/file-system.ts';
import { ownLayout } from './storage/volume-layout.ts';
import type { VolumeLayout } from './storage/volume-layout.ts';
import { VolumeStore } from './storage/volume-store.ts';
import { volumeParser } from './volume/parse-volume.ts';
import { recoverVolumes } from './volume/recover-volumes.ts';
import { VolumeIssuance } from './volume/volume-issuance.ts';
import { VolumeManager } from './volume/volume-manager.ts';
import { VolumeRenewals } from './volume/volume-renewals.ts';
import { VolumeReporter } from './volume/volume-reporter.ts';
import type { WorkUnderWay } from './volume/work-under-way.ts';

/** The settings that volumes depend on. */
export type VolumeSettings = Pick<
  AgentConfig,
  | 'concurrent-renewals'
  | 'continue-on-not-ready'
  | 'controller-address'
  | 'default-duration'
  | 'issuance-timeout'
  | 'use-token-request'
>;

/** Everything that the node's volumes are built from; the agent passes the real parts, the simulation its own. */
export interface NodeVolumesOptions {
  readonly config: VolumeSettings;
  /** The tmpfs that holds this agent's volumes. */
  readonly root: string;
  /** Where another driver left its volumes; undefined when nothing is to be taken over. */
  readonly adopted: VolumeLayout | undefined;
  readonly files?: FileSystem;
  readonly mounter: Mounter;
  /** The mount table, read at start. */
  readonly mounts: MountTable;
  readonly source: Pick<CertificateSource, 'issuer' | 'awaitGates' | 'recordEvent'>;
  readonly takeKey: (key: KeySpec) => Promise<KeyObject>;
  readonly metrics: AgentMetrics;
  readonly mountsUnderWay: WorkUnderWay;
  readonly clock: Clock;
  readonly log: Logger;
  /** Random numbers in [0, 1), for jitter. */
  readonly random?: () => number;
}

/** The running volumes of a node. */
export interface NodeVolumes {
  readonly manager: VolumeManager;
  /** Starts nothing more, ends what is in progress and waits for it. */
  stop(): Promise<void>;
}

/** How long a volume that a kill left unmounted waits for the kubelet to come back for it. */
const unpublishedGraceMs = 15 * 60_000;

/**
 * Opens the store, restores the volumes that are on the node and schedules their renewals.
 * @throws CertfleetError as VolumeStore.open does
 */
export function openNodeVolumes(options: NodeVolumesOptions): NodeVolumes {
  const { config, root, adopted, clock, log, metrics, source, mounts, files = systemFiles } = options;
  const store = VolumeStore.open({ own: ownLayout(root), adopted, clock, files });
  const reporter = new VolumeReporter(log, metrics, source.recordEvent);
  const parseVolume = volumeParser(config['default-duration'], reporter);
  const scheduler: RenewalScheduler = new RenewalScheduler({
    clock,
    maxPerGroup: config['concurrent-renewals'],
    renew: (volumeId) => manager.renew(volumeId),
  });
  const manager = buildManager({ ...options, files, store, reporter, scheduler });
  const found = recoverVolumes({ store, adopted, mounts, parseVolume, clock });
  const cancelDiscards: (() => void)[] = [];
  for (const volume of found.volumes) {
    manager.resume(volume);
    if (volume.record.phase === 'published') continue;
    const discard = (): void => void manager.discardUnpublished(volume.volumeId);
    cancelDiscards.push(clock.schedule(unpublishedGraceMs, discard));
  }
  for (const { path, reason } of found.damaged) log.error({ path, reason }, 'volume set aside');
  metrics.damagedVolumes(found.damaged.length);
  log.info(
    { volumes: found.volumes.length, adopted: found.adoptedCount, damaged: found.damaged.length },
    'volumes restored',
  );
  return {
    manager,
    stop: () => {
      for (const cancel of cancelDiscards) cancel();
      manager.stop();
      return scheduler.stop();
    },
  };
}

interface ManagerParts extends NodeVolumesOptions {
  readonly files: FileSystem;
  readonly store: VolumeStore;
  readonly reporter: VolumeReporter;
  readonly scheduler: RenewalScheduler;
}

function buildManager(parts: ManagerParts): VolumeManager {
  const { config, source, clock, metrics, reporter, scheduler, takeKey } = parts;
  const issuance = new VolumeIssuance({
    dependencies: {
      issuer: source.issuer,
      takeKey,
      awaitGates: source.awaitGates,
      clock,
      observePhase: (phase, durationMs) => metrics.phaseEnded(phase, durationMs),
    },
    useTokenRequest: config['use-token-request'],
    reporter,
    observeWrite: (durationMs) => metrics.phaseEnded('write', durationMs),
  });
  const issuanceTimeoutMs = config['issuance-timeout'];
  return new VolumeManager({
    ...parts,
    parseVolume: volumeParser(config['default-duration'], reporter),
    issuance,
    renewals: new VolumeRenewals({
      issuance,
      scheduler,
      reporter,
      clock,
      issuanceTimeoutMs,
      observeLag: (lagMs) => metrics.renewed(lagMs),
      hasController: config['controller-address'] !== undefined,
    }),
    continueOnNotReady: config['continue-on-not-ready'],
    issuanceTimeoutMs,
    observeMount: (durationMs) => metrics.phaseEnded('mount', durationMs),
  });
}

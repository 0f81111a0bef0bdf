import type { KeyObject } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { CertificateSource } from './certificate-source.ts';
import type { AgentConfig } from './config.ts';
import type { TakeOptions } from './crypto/key-pool.ts';
import type { MountProbe } from './mount/linux-mounter.ts';
import type { Mounter } from './mount/mounter.ts';
import type { AgentMetrics } from './observability/agent-metrics.ts';
import { ServedMonitor, type ServedMonitorOptions } from './probe/served-monitor.ts';
import { openReload, type ReloadSettings } from './node-reload.ts';
import { openTrust } from './node-trust.ts';
import { RenewalScheduler } from './renewal/renewal-scheduler.ts';
import type { PodVariableSettings } from './spec/pod-variables.ts';
import type { KeySpec } from './spec/volume-spec.ts';
import { systemFiles } from './storage/file-system.ts';
import type { FileSystem } from './storage/file-system.ts';
import { handOverLayout } from './storage/hand-over.ts';
import { ownLayout } from './storage/volume-layout.ts';
import type { VolumeLayout } from './storage/volume-layout.ts';
import { VolumeStore } from './storage/volume-store.ts';
import { handOver } from './upstream.ts';
import type { AdditionalTrust, TrustSettings } from './trust/additional-trust.ts';
import { AttemptPolicy } from './volume/attempt-policy.ts';
import { askNoSource } from './volume/compose-trust.ts';
import { PodAddressFollower } from './volume/pod-address-follower.ts';
import type { PodAddressWatch } from './volume/pod-address-follower.ts';
import { readdressVolume } from './volume/readdress-volume.ts';
import { podAddressReader, podVariableReader } from './volume/pod-variable-reader.ts';
import type { PodVariableReaderOptions } from './volume/pod-variable-reader.ts';
import { volumeParser } from './volume/parse-volume.ts';
import type { ParseVolume } from './volume/parse-volume.ts';
import { restoreVolumes } from './volume/restore-volumes.ts';
import { retryDamaged } from './volume/retry-damaged.ts';
import type { RestoredVolumes } from './volume/restore-volumes.ts';
import type { VolumeParts } from './volume/volume-parts.ts';
import { VolumeIssuance } from './volume/volume-issuance.ts';
import { VolumeManager } from './volume/volume-manager.ts';
import { VolumeReporter } from './volume/volume-reporter.ts';
import { VolumeTrusts } from './volume/volume-trusts.ts';
import type { ActiveMounts } from './volume/active-mounts.ts';

/** The flags that volumes depend on. */
export type VolumeSettings = Pick<
  AgentConfig,
  | 'concurrent-renewals'
  | 'continue-on-not-ready'
  | 'controller-address'
  | 'default-duration'
  | 'issuance-timeout'
  | 'node-id'
  | 'rollouts'
  | 'strict-attributes'
  | 'use-token-request'
>;

/** The agent's probes of pods. */
export type ProbeSettings = Pick<ServedMonitorOptions, 'nodeName' | 'intervalMs' | 'maxPerSecond' | 'getPod'>;

/** The variables of pods: which are allowed, and where their values come from. */
export type PodVariableParts = PodVariableSettings &
  Pick<PodVariableReaderOptions, 'clusterDomain' | 'getPod'> & { readonly watch: PodAddressWatch };

/** Undefined if the configuration or the lack of a cluster allows no variables of pods. */
export function podVariableParts(
  config: Pick<AgentConfig, 'pod-variables' | 'pod-variable-label' | 'pod-variable-annotation' | 'cluster-domain'>,
  { getPod, podWatch: watch }: Pick<CertificateSource, 'getPod' | 'podWatch'>,
): PodVariableParts | undefined {
  if (!config['pod-variables'] || getPod === undefined || watch === undefined) return undefined;
  const { 'pod-variable-label': labels, 'pod-variable-annotation': annotations } = config;
  return { labels, annotations, clusterDomain: config['cluster-domain'], getPod, watch };
}

const maxProbesPerSecond = 10;
const probeShareOfRequests = 1 / 4;

/** Undefined if the configuration or the lack of a cluster allows no probes. */
export function probeSettings(
  config: Pick<AgentConfig, 'probe-interval' | 'node-id' | 'kube-api-qps'>,
  { getPod }: Pick<CertificateSource, 'getPod'>,
): ProbeSettings | undefined {
  const { 'probe-interval': intervalMs, 'node-id': nodeName, 'kube-api-qps': apiQps } = config;
  if (intervalMs === undefined || getPod === undefined) return undefined;
  // Each probe reads its pod: mounts keep most of the requests that the agent may make.
  const maxPerSecond = apiQps === 0 ? maxProbesPerSecond : Math.min(maxProbesPerSecond, apiQps * probeShareOfRequests);
  return { intervalMs, nodeName, getPod, maxPerSecond };
}

/** The parts of the node's volumes. The agent passes the real ones, the simulation its fakes. */
export interface NodeVolumesOptions {
  readonly config: VolumeSettings;
  /** The tmpfs of this agent's volumes. */
  readonly root: string;
  /** Layout of cert-manager's csi-driver; undefined if none of its volumes are to be taken over. */
  readonly adopted: VolumeLayout | undefined;
  /** Writes csi-driver's metadata of each volume too. */
  readonly handsOver?: boolean;
  readonly files?: FileSystem;
  readonly mounter: Mounter;
  /** Reports at start whether a pod uses a volume of the csi-driver; asks the kernel by default. */
  readonly mountProbe?: MountProbe;
  readonly source: Pick<CertificateSource, 'issuer' | 'awaitGates' | 'recordEvent'>;
  readonly takeKey: (key: KeySpec, options: TakeOptions) => Promise<KeyObject>;
  readonly metrics: AgentMetrics;
  readonly activeMounts: ActiveMounts;
  /** Undefined if the agent follows no source of additional trust. */
  readonly trust?: TrustSettings | undefined;
  /** Undefined if no pod is to be probed. */
  readonly probes?: ProbeSettings | undefined;
  /** Undefined if no process is to be signalled. */
  readonly reload?: ReloadSettings | undefined;
  /** Undefined if attributes cannot use variables of pods. */
  readonly podVariables?: PodVariableParts | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Random numbers in [0, 1), for jitter. */
  readonly random?: () => number;
}

/** The running volumes of a node. */
export interface NodeVolumes {
  readonly manager: VolumeManager;
  /** What the pods serve; undefined without probes. */
  readonly served: ServedMonitor | undefined;
  /** Starts no more work, aborts work in progress and waits for it. */
  stop(): Promise<void>;
}

function parserSettings(options: NodeVolumesOptions): Parameters<typeof volumeParser>[0] {
  const { config, probes, podVariables, reload, trust } = options;
  return {
    nodeName: config['node-id'],
    podVariables,
    defaultDurationMs: config['default-duration'],
    strictAttributes: config['strict-attributes'],
    areProbesOff: probes === undefined,
    areSignalsOff: reload === undefined,
    areRolloutsOff: !config.rollouts,
    areTrustSourcesOff: trust?.sourceIntervalMs === undefined,
  };
}

function attemptPolicy({ config, clock, random }: NodeVolumesOptions): AttemptPolicy {
  return new AttemptPolicy({
    clock,
    hasController: config['controller-address'] !== undefined,
    ...(random && { random }),
  });
}

/** Recomputes when the volumes are due, except those whose renewals are in progress. */
function rescheduleAll(manager: VolumeManager): void {
  for (const volume of manager.volumes()) if (volume.isScheduled) volume.postponed();
}

/**
 * Opens the store, restores the volumes of the node and schedules their renewals.
 * @throws CertfleetError as VolumeStore.open does
 */
export function openNodeVolumes(options: NodeVolumesOptions): NodeVolumes {
  const { config, root, adopted, clock, log, metrics, source, files = systemFiles } = options;
  const own = options.handsOver === true ? handOverLayout(root) : ownLayout(root);
  const store = VolumeStore.open({ own, adopted, clock, files });
  const reporter = new VolumeReporter(log, metrics, source.recordEvent);
  const parseVolume = volumeParser(parserSettings(options), reporter);
  const scheduler: RenewalScheduler = new RenewalScheduler({
    clock,
    maxPerGroup: config['concurrent-renewals'],
    renew: (volumeId, slot) => manager.renew(volumeId, slot),
    onClockSet: () => rescheduleAll(manager),
  });
  const parts: VolumeParts = {
    store,
    scheduler,
    clock,
    policy: attemptPolicy(options),
    onWriteFailed: (volume, error) => reporter.writeFailed(volume, error),
  };
  const trust = options.trust && openTrust(options.trust, options, { manager: () => manager, reporter });
  const onVolumeChange = (volumeId: string): void => {
    served?.volumeChanged(volumeId);
    trust?.volumeChanged(volumeId);
    follower.volumeChanged(volumeId);
    reload?.volumeChanged(volumeId);
  };
  const manager = buildManager({ ...options, files, reporter, parseVolume, parts, trust, onVolumeChange });
  const follower = openFollower({ ...options, manager, reporter, parseVolume });
  const served = options.probes && openServedMonitor({ ...options, ...options.probes, manager, reporter });
  const reload = options.reload && openReload(options.reload, { ...options, manager, reporter });
  const restoring = { parts, adopted, parseVolume, clock, ...(options.mountProbe && { mounts: options.mountProbe }) };
  const found = restoreVolumes(restoring);
  for (const volume of found.volumes) manager.restored(volume);
  if (options.handsOver === true) handOver(found.volumes, store, reporter);
  reportRestored(found, { log, metrics });
  for (const { volumeId, targetPath } of store.interruptedRemovals()) void manager.resumeRemoval(volumeId, targetPath);
  trust?.start();
  const isUnknown = (volumeId: string): boolean => manager.volume(volumeId) === undefined;
  const cancelRetries = retryDamaged({
    damagedCount: found.damaged.length,
    clock,
    retry: () => {
      const { volumes, damaged } = restoreVolumes(restoring, isUnknown);
      for (const volume of volumes) if (isUnknown(volume.volumeId)) manager.restored(volume);
      metrics.damagedVolumes(damaged.length);
      return damaged.length;
    },
  });
  return {
    manager,
    served,
    stop: async () => {
      cancelRetries();
      manager.stop();
      await Promise.all([scheduler.stop(), served?.stop(), trust?.stop(), follower.stop(), reload?.stop()]);
    },
  };
}

function reportRestored(
  { volumes, adoptedCount: adopted, damaged }: RestoredVolumes,
  { log, metrics }: Pick<NodeVolumesOptions, 'log' | 'metrics'>,
): void {
  for (const { path, reason } of damaged) log.error({ path, reason }, 'volume set aside');
  metrics.damagedVolumes(damaged.length);
  log.info({ volumes: volumes.length, adopted, damaged: damaged.length }, 'volumes restored');
}

interface ManagerParts extends Omit<NodeVolumesOptions, 'trust'> {
  readonly files: FileSystem;
  readonly reporter: VolumeReporter;
  readonly parseVolume: ParseVolume;
  readonly parts: VolumeParts;
  readonly trust: AdditionalTrust | undefined;
  readonly onVolumeChange: (volumeId: string) => void;
}

interface ManagedParts extends NodeVolumesOptions {
  readonly manager: VolumeManager;
  readonly reporter: VolumeReporter;
}

function openServedMonitor({ manager, reporter, metrics, ...options }: ManagedParts & ProbeSettings): ServedMonitor {
  return new ServedMonitor({
    ...options,
    volume: (volumeId) => manager.volume(volumeId),
    observe: (result) => metrics.probeEnded(result),
    onNotLoaded: (volume, since) => reporter.notLoaded(volume, since),
    onApiError: (thrown) => reporter.probeImpossible(asCertfleetError(thrown)),
  });
}

function openFollower({
  podVariables,
  clock,
  manager,
  reporter,
  parseVolume,
}: ManagedParts & Pick<ManagerParts, 'parseVolume'>): PodAddressFollower {
  return new PodAddressFollower({
    watch: podVariables?.watch,
    readAddresses: podVariables && podAddressReader(podVariables.getPod),
    volume: (volumeId) => manager.volume(volumeId),
    readdress: (volumeId, addresses) =>
      manager.change(volumeId, (volume) => readdressVolume(volume, addresses, parseVolume)),
    onWaiting: (volume, problem) => reporter.addressPending(volume, problem),
    onWatchError: (error) => reporter.podWatchFailed(error),
    clock,
  });
}

function buildManager(options: ManagerParts): VolumeManager {
  const { config, source, clock, metrics, reporter, takeKey, parts, podVariables, trust } = options;
  const trusts = new VolumeTrusts({ ask: trust?.ask ?? askNoSource, reporter, clock });
  const issuance = new VolumeIssuance({
    dependencies: {
      issuer: source.issuer,
      takeKey,
      awaitGates: source.awaitGates,
      awaitTrust: trust?.loaded ?? (() => Promise.resolve()),
      clock,
      observePhase: (phase, durationMs) => metrics.phaseEnded(phase, durationMs),
    },
    trusts,
    useTokenRequest: config['use-token-request'],
    reporter,
    observeWrite: (durationMs) => metrics.phaseEnded('write', durationMs),
  });
  return new VolumeManager({
    ...options,
    store: parts.store,
    issuance,
    readPodVariables: podVariables && podVariableReader({ ...podVariables, clock }),
    trusts,
    continueOnNotReady: config['continue-on-not-ready'],
    issuanceTimeoutMs: config['issuance-timeout'],
    observeMount: (durationMs) => metrics.phaseEnded('mount', durationMs),
    observeLag: (lagMs) => metrics.renewed(lagMs),
  });
}

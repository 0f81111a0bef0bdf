import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { labelCluster } from '@certfleet/shared/default-metrics.ts';
import { trimHeap } from '@certfleet/shared/trim-heap.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { openAgentDataRoot } from './agent-data-root.ts';
import type { CertificateSource, OpenCertificateSource } from './certificate-source.ts';
import type { AgentConfig } from './config.ts';
import { KeyPool } from './crypto/key-pool.ts';
import { generatePrivateKey } from './crypto/private-key.ts';
import { CsiEndpoint } from './csi/csi-endpoint.ts';
import type { PublishedVolumes } from './csi/node-service.ts';
import { assertSocketPath } from './csi/socket-server.ts';
import { createLinuxMounter } from './mount/linux-mounter.ts';
import { assertSharedPropagation, createMountTable } from './mount/mount-table.ts';
import { readMountinfo } from './mount/mountinfo.ts';
import { reloadSettings } from './node-reload.ts';
import { openNodeVolumes, podVariableParts, probeSettings } from './node-volumes.ts';
import { trustSettings } from './node-trust.ts';
import { AgentHttp } from './observability/agent-http.ts';
import type { AgentHttpPorts } from './observability/agent-http.ts';
import { AgentMetrics } from './observability/agent-metrics.ts';
import type { MountCheck } from './observability/agent-metrics.ts';
import type { ServedMonitor } from './probe/served-monitor.ts';
import { repeatedly } from './repeatedly.ts';
import { lockDirectory } from './storage/directory-lock.ts';
import { systemFiles } from './storage/file-system.ts';
import { tmpfsHeadroom } from './storage/tmpfs-guard.ts';
import { openUpstream } from './upstream.ts';
import { addCsiDriverMetrics } from './volume/csi-driver-volume.ts';
import { checkMounts, refuseForeignTargets } from './volume/mount-check.ts';
import { invisibleTarget, resolvedKubeletRoot } from './kubelet-directory.ts';
import type { VolumeManager } from './volume/volume-manager.ts';
import { volumeSnapshot } from './volume/volume-snapshot.ts';
import { ActiveMounts } from './volume/active-mounts.ts';

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly openSource: OpenCertificateSource;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The node agent. `start` constructs everything in the order of the data flow; `stop` stops it in reverse. */
export class Agent {
  readonly #options: AgentOptions;
  readonly #started = new AsyncDisposableStack();
  readonly #stopping = new AbortController();
  readonly #metrics: AgentMetrics;
  readonly #activeMounts: ActiveMounts;
  #volumes: VolumeManager | undefined;
  #served: ServedMonitor | undefined;
  #keys: KeyPool | undefined;
  #checkMounts: (() => Promise<MountCheck>) | undefined;
  #published: PublishedVolumes | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#activeMounts = new ActiveMounts(options.clock);
    this.#metrics = new AgentMetrics(
      () => ({
        ...volumeSnapshot(this.#volumes?.volumes() ?? [], options.clock.now()),
        rsaKeysReady: this.#keys?.ready(2048) ?? 0,
        served: this.#served?.counts(),
        tmpfs: this.#volumes && tmpfsHeadroom(systemFiles, volumeRoot(options.config)),
      }),
      () => this.#checkMounts?.() ?? Promise.resolve(undefined),
    );
    labelCluster(this.#metrics.registry, options.config['cluster-name']);
  }

  /** @throws the error that prevents the agent from serving; everything that was started is stopped first */
  async start(): Promise<AgentHttpPorts> {
    try {
      return await this.#start();
    } catch (thrown) {
      await this.stop();
      throw thrown;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new CertfleetError('cancelled', 'the agent is stopping'));
    await this.#started.disposeAsync();
  }

  async #start(): Promise<AgentHttpPorts> {
    const { config, openSource, env, clock, log } = this.#options;
    assertSocketPath(config.endpoint);
    await this.#lockDataRoot();
    this.#started.defer(trimHeap(clock));
    const [metrics, activeMounts] = [this.#metrics, this.#activeMounts];
    const source = await openSource({ config, env, clock, log, metrics, activeMounts });
    this.#started.defer(() => source.stop());
    const keys = this.#startKeys();
    const volumes = await this.#openVolumes(source, keys);
    this.#volumes = volumes;
    if (config['csi-driver-metrics']) addCsiDriverMetrics(metrics, config['node-id'], volumes);
    let isSourceReady = false;
    source.ready.then(
      () => (isSourceReady = true),
      () => undefined, // Stopped before it was ready.
    );
    const endpoint = this.#csiEndpoint(volumes, source);
    const http = new AgentHttp({
      metricsAddress: config['metrics-bind-address'],
      healthAddress: config['health-bind-address'],
      registry: metrics.registry,
      notAlive: () => endpoint.check(),
      notReady: () => (isSourceReady ? endpoint.refusal : 'waiting for the first list of certificate requests'),
    });
    this.#started.defer(() => http.stop());
    const ports = await http.start();
    this.#started.defer(() => endpoint.stop());
    await endpoint.start();
    this.#started.defer(repeatedly(clock, socketCheckMs, () => endpoint.check()));
    await this.#joinFleet(volumes, source);
    // Stopped first: mounts that wait for a certificate are answered immediately, and the kubelet retries them.
    this.#started.defer(() => volumes.stop());
    log.info(
      { node: config['node-id'], driver: config['driver-name'], version: this.#options.version },
      'agent started',
    );
    return ports;
  }

  /** Two agents on one data root would remove each other's volumes. */
  async #lockDataRoot(): Promise<void> {
    const { config, clock, log } = this.#options;
    const dataRoot = config['data-root'];
    mkdirSync(dataRoot, { recursive: true });
    const unlock = await lockDirectory(dataRoot, {
      clock,
      maxMs: lockWaitMs,
      onWait: () => log.warn({ dataRoot }, 'waiting for another agent of this node to stop'),
      signal: this.#stopping.signal,
    });
    this.#started.defer(unlock);
  }

  /** If mounts did not propagate to the node, pods would get empty volumes without an error. */
  #assertReachesPods(root: string): void {
    const kubeletRoot = this.#options.config['kubelet-root-dir'];
    if (kubeletRoot === undefined) return;
    const mounts = createMountTable(readMountinfo());
    for (const path of [resolvedKubeletRoot(join(kubeletRoot, 'pods')), realpathSync(root)])
      assertSharedPropagation(mounts, path);
  }

  #startKeys(): KeyPool {
    const { config, clock, log } = this.#options;
    const full = config['rsa-key-pool-size'];
    const keys = new KeyPool({
      generate: generatePrivateKey,
      clock,
      maxConcurrentGenerations: concurrentGenerations(),
      stock: { initial: Math.min(8, full), full },
      onTake: (outcome) => this.#metrics.keyTaken(outcome === 'hit'),
      onStockFailure: (error) => log.warn({ error: String(error) }, 'cannot generate a key in advance'),
    });
    this.#keys = keys;
    keys.start();
    this.#started.defer(() => keys.stop());
    return keys;
  }

  async #openVolumes(source: CertificateSource, keys: KeyPool): Promise<VolumeManager> {
    const { config, clock, log } = this.#options;
    const mounter = createLinuxMounter();
    const root = await openAgentDataRoot(config, mounter, log);
    this.#assertReachesPods(root);
    const adopted = await openUpstream(config, root, mounter);
    const nodeVolumes = openNodeVolumes({
      config,
      root,
      adopted,
      handsOver: config['hand-over'],
      mounter,
      source,
      takeKey: (key, options) => keys.take(key, options),
      metrics: this.#metrics,
      activeMounts: this.#activeMounts,
      trust: trustSettings(config, source),
      probes: probeSettings(config, source),
      reload: reloadSettings(config, source),
      podVariables: podVariableParts(config, source),
      clock,
      log,
    });
    this.#started.defer(() => nodeVolumes.stop());
    this.#served = nodeVolumes.served;
    this.#checkMounts = () => checkMounts(nodeVolumes.manager, config['driver-name'], mounter);
    this.#published = refuseForeignTargets(nodeVolumes.manager, root, mounter);
    return nodeVolumes.manager;
  }

  /**
   * Reports to the controller and takes its jobs. The module is loaded on demand: an agent without a controller does
   * not need it.
   */
  async #joinFleet(volumes: VolumeManager, { getPod }: CertificateSource): Promise<void> {
    const { config, clock, log, version } = this.#options;
    const address = config['controller-address'];
    if (address === undefined) return;
    const { 'redis-cert-file': certificateFile, 'redis-key-file': keyFile } = config;
    const { FleetLink } = await import('./fleet/fleet-link.ts');
    const { ManagedFleetVolumes } = await import('./fleet/managed-fleet-volumes.ts');
    const { PodFactsReader } = await import('./fleet/pod-facts-reader.ts');
    const labels = config['report-pod-label'];
    const pods = config['report-workload'] && getPod ? new PodFactsReader({ getPod, labels, clock, log }) : undefined;
    this.#started.defer(() => pods?.stop());
    const link = new FleetLink({
      controller: { address, caFile: config['controller-ca-file'], tokenFile: config['controller-token-file'] },
      volumes: new ManagedFleetVolumes(volumes, clock, { served: this.#served, pods }),
      version,
      concurrentJobs: config['concurrent-renewals'],
      redisCertificate:
        certificateFile === undefined || keyFile === undefined ? undefined : { certificateFile, keyFile },
      clock,
      log,
      onConnected: (isConnected) => this.#metrics.controllerConnected(isConnected),
    });
    this.#started.defer(() => link.stop());
    link.start();
  }

  /**
   * Refuses a target whose parent directory, which the kubelet creates, is not visible in this container: the pod would
   * wait without end.
   */
  #visibleVolumes(volumes: PublishedVolumes): PublishedVolumes {
    const kubeletRoot = this.#options.config['kubelet-root-dir'];
    if (kubeletRoot === undefined) return volumes;
    return {
      unpublish: (request) => volumes.unpublish(request),
      publish: async (request, context) => {
        if (!existsSync(dirname(request.targetPath))) throw invisibleTarget(request.targetPath, kubeletRoot);
        await volumes.publish(request, context);
      },
    };
  }

  #csiEndpoint(volumes: VolumeManager, source: CertificateSource): CsiEndpoint {
    const { config, log, version } = this.#options;
    return new CsiEndpoint({
      nodeId: config['node-id'],
      driverName: config['driver-name'],
      version,
      socketPath: config.endpoint,
      kubeletSocketPath: config['kubelet-registration-path'] ?? config.endpoint,
      registrationDirectory: config['plugin-registration-path'],
      volumes: this.#visibleVolumes(this.#published ?? volumes),
      onRegistered: () => source.nodeReadiness?.registered(),
      observer: { log, observe: (method, code, durationMs) => this.#metrics.csiCallEnded(method, code, durationMs) },
    });
  }
}

function volumeRoot(config: AgentConfig): string {
  return join(config['data-root'], 'certfleet');
}

/** Longer than an earlier agent's terminationGracePeriodSeconds, shorter than the chart's startup probe. */
const lockWaitMs = 45_000;
const socketCheckMs = 15_000;

/**
 * One per core, so that a node that boots with an empty stock starts its pods sooner. libuv's pool has four threads;
 * one stays free for keystores and name lookups.
 */
function concurrentGenerations(): number {
  return Math.min(Math.max(2, availableParallelism()), 3);
}

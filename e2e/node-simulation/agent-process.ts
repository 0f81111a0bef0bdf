import './synchronous-crypto.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { HttpRequest } from '@certfleet/shared/kube/api-transport.ts';
import { ManagedFleetVolumes } from '../../apps/node-agent/src/fleet/managed-fleet-volumes.ts';
import { CertManagerIssuer } from '../../apps/node-agent/src/issuance/cert-manager-issuer.ts';
import { awaitGates } from '../../apps/node-agent/src/issuance/gate-waiter.ts';
import type { GateWaiterOptions } from '../../apps/node-agent/src/issuance/gate-waiter.ts';
import { EventRecorder } from '../../apps/node-agent/src/kube/event-recorder.ts';
import { getPod } from '../../apps/node-agent/src/kube/pod.ts';
import { PodWatch } from '../../apps/node-agent/src/kube/pod-watch.ts';
import { openNodeVolumes } from '../../apps/node-agent/src/node-volumes.ts';
import type { NodeVolumes, NodeVolumesOptions, VolumeSettings } from '../../apps/node-agent/src/node-volumes.ts';
import { AgentMetrics } from '../../apps/node-agent/src/observability/agent-metrics.ts';
import type { PublishContext, PublishRequest } from '../../apps/node-agent/src/volume/volume-requests.ts';
import type { VolumeManager } from '../../apps/node-agent/src/volume/volume-manager.ts';
import { ActiveMounts } from '../../apps/node-agent/src/volume/active-mounts.ts';
import type { ApiServer, RequestFault } from './api-server.ts';
import { killCode, ProcessEnded } from './fault-points.ts';
import type { FaultPoints } from './fault-points.ts';
import type { KeyRing } from './key-ring.ts';
import { MemoryFiles } from './memory-files.ts';
import { systemError } from './memory-tree.ts';
import type { MemoryTree } from './memory-tree.ts';
import type { Random } from './random.ts';
import { mountFailure } from './simulated-mounts.ts';
import type { MountPoints } from './simulated-mounts.ts';
import { ProcessClock } from './simulated-time.ts';
import type { SimulatedTime, WallClocks } from './simulated-time.ts';

/** When a process ends: before a call on files or mounts, or after a request was executed. */
export interface EndPoint {
  readonly at: 'file' | 'mount' | 'request';
  /** How many calls or requests pass first. */
  readonly after: number;
}

/** The environment of a process, which outlives it. */
export interface NodeSurroundings {
  readonly time: SimulatedTime;
  readonly walls: WallClocks;
  readonly tree: MemoryTree;
  readonly mounts: MountPoints;
  readonly server: ApiServer;
  readonly random: Random;
  readonly keys: KeyRing;
  readonly fileFaults: FaultPoints;
  readonly mountFaults: FaultPoints;
  readonly config: VolumeSettings;
  readonly gates: GateWaiterOptions['gates'];
  readonly hasEvents: boolean;
  readonly root: string;
  readonly log: (line: string) => void;
  /** Called after a change below a volume's directory. */
  readonly onFileChange: (volumeId: string) => void;
  readonly onRequestFault: (request: HttpRequest, fault: RequestFault) => void;
  /** Called when the process has crashed with an uncaught exception. */
  readonly onCrash: (thrown: unknown) => void;
  readonly onEnd: () => void;
}

/** The flags' defaults. */
const gateBackoff = { initialMs: 1_000, factor: 2, jitter: 0.1, capMs: 30_000 };

/** One set of metrics for all runs: its default metrics measure the real process. */
let sharedMetrics: AgentMetrics | undefined;

function metrics(): AgentMetrics {
  return (sharedMetrics ??= new AgentMetrics(() => ({
    volumes: { ready: 0, pending: 0, failing: 0, expired: 0 },
    withoutCertificate: 0,
    urgency: { overdue: 0, halfLeft: 0, quarterLeft: 0 },
    soonestNotAfter: undefined,
    rsaKeysReady: 0,
  })));
}

/** One run of the agent in a simulated node: its real code from the start to a kill. */
export class AgentProcess {
  readonly #node: NodeSurroundings;
  readonly #client: KubeClient;
  readonly #issuer: CertManagerIssuer;
  readonly #events: EventRecorder | undefined;
  readonly #activeMounts: ActiveMounts;
  readonly #files: MemoryFiles;
  readonly #log: Logger;
  readonly clock: ProcessClock;
  #volumes: NodeVolumes | undefined;
  #isAlive = true;
  #isServing = false;
  #endPoint: { readonly at: EndPoint['at']; after: number } | undefined;

  constructor(node: NodeSurroundings) {
    this.#node = node;
    const { time, walls, tree, server, random } = node;
    this.clock = new ProcessClock(time, walls, (thrown) => this.#crash(thrown));
    this.#files = new MemoryFiles(
      tree,
      (call, path) => this.#touchFile(call, path),
      (volumeId) => node.onFileChange(volumeId),
    );
    this.#log = createLogger(0, {
      write: (line: string) => {
        if (this.#isAlive) node.log(line);
      },
    });
    const client = {
      isAlive: () => this.#isAlive,
      onFault: node.onRequestFault,
      onCarriedOut: (request: HttpRequest) => this.#carriedOut(request),
    };
    this.#client = new KubeClient({
      credentials: {
        access: () => Promise.resolve({ server: 'https://api', headers: {}, tls: {} }),
        invalidate: () => undefined,
      },
      clock: this.clock,
      random: () => random.next(),
      transport: {
        send: (request) => (this.#isAlive ? server.send(request, client) : never()),
        invalidateCredentials: () => undefined,
        stop: () => undefined,
      },
    });
    this.#issuer = new CertManagerIssuer({ client: this.#client, clock: this.clock, nodeId: 'node-1' });
    const activeMounts = new ActiveMounts(this.clock);
    this.#activeMounts = activeMounts;
    if (node.hasEvents)
      this.#events = new EventRecorder({
        client: this.#client,
        clock: this.clock,
        nodeName: 'node-1',
        mountsIdle: (maxMs, signal) => activeMounts.idle(maxMs, signal),
      });
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Whether it runs and has restored its volumes, so that it answers the kubelet. */
  get isServing(): boolean {
    return this.#isAlive && this.#isServing;
  }

  get manager(): VolumeManager {
    if (this.#volumes === undefined) throw new Error('the agent has not been started');
    return this.#volumes.manager;
  }

  get openFiles(): number {
    return this.#files.openFiles;
  }

  /** Issuances that wait for the result of their request. */
  get waitingRequests(): number {
    return this.#issuer.waiting;
  }

  /** Restores the node's volumes. @throws as openNodeVolumes does; the process has then ended */
  start(): void {
    const { config, root, mounts, keys, random, mountFaults } = this.#node;
    this.#issuer.start();
    try {
      this.#volumes = openNodeVolumes({
        config,
        root,
        adopted: undefined,
        files: this.#files.calls,
        mounter: mounts.mounter((step, target) => {
          this.#reach('mount');
          const code = this.#unlessKilled(mountFaults.meet(step, target));
          if (code !== undefined) throw mountFailure(step, target, code);
        }),
        source: this.#source(),
        takeKey: () => (this.#isAlive ? Promise.resolve(keys.next()) : never()),
        metrics: metrics(),
        activeMounts: this.#activeMounts,
        podVariables: {
          labels: [],
          annotations: [],
          clusterDomain: 'cluster.local',
          getPod: (pod, signal) => getPod(this.#client, pod, signal),
          watch: new PodWatch({ client: this.#client, clock: this.clock, nodeName: 'node-1' }),
        },
        clock: this.clock,
        log: this.#log,
        random: () => random.next(),
      });
      this.#isServing = this.#isAlive;
    } catch (thrown) {
      this.kill();
      throw thrown;
    }
  }

  /** The same composition as certificate-source.ts for a cluster. */
  #source(): NodeVolumesOptions['source'] {
    const gating: GateWaiterOptions = {
      gates: this.#node.gates,
      getPod: (namespace, name, signal) => getPod(this.#client, { namespace, name }, signal),
      backoff: gateBackoff,
      clock: this.clock,
    };
    return {
      issuer: this.#issuer,
      awaitGates: (pod, signal) => awaitGates(gating, pod, signal),
      recordEvent: ({ name, namespace, uid }, event) =>
        this.#events?.record({ ...event, pod: { name, namespace, uid } }),
    };
  }

  publish(request: PublishRequest, context: PublishContext): Promise<void> {
    return this.manager.publish(request, context);
  }

  /** The volumes for the controller. */
  fleetVolumes(): ManagedFleetVolumes {
    return new ManagedFleetVolumes(this.manager, this.clock);
  }

  /** SIGTERM: ends within the grace period, or is killed. */
  async stop(): Promise<void> {
    await this.#volumes?.stop();
    await this.#issuer.stop();
    await this.#events?.stop();
    this.#client.stop();
    this.kill();
  }

  /** Ends the process at a later point. */
  endAt({ at, after }: EndPoint): void {
    this.#endPoint = { at, after };
  }

  /** SIGKILL: nothing that the process does afterwards has any effect. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.clock.kill();
    this.#node.onEnd();
  }

  /** Called by the server, so nothing may be thrown. */
  #carriedOut({ method }: HttpRequest): void {
    if (method !== 'GET' && this.#isAlive && this.#isEndPoint('request')) this.kill();
  }

  #touchFile(call: string, path: string): void {
    this.#reach('file');
    const code = this.#unlessKilled(this.#node.fileFaults.meet(call, path));
    if (code !== undefined) throw systemError(code, call, path);
  }

  #unlessKilled(code: string | undefined): string | undefined {
    if (code !== killCode) return code;
    this.kill();
    throw new ProcessEnded('the process has ended');
  }

  #reach(at: EndPoint['at']): void {
    if (this.#isAlive && this.#isEndPoint(at)) this.kill();
    if (!this.#isAlive) throw new ProcessEnded('the process has ended');
  }

  #isEndPoint(at: EndPoint['at']): boolean {
    const point = this.#endPoint;
    return point?.at === at && point.after-- <= 0;
  }

  #crash(thrown: unknown): void {
    if (!this.#isAlive) return;
    this.#node.onCrash(thrown);
    this.kill();
  }
}

/** A promise for callers in an ended process. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

import { createLogger } from '@certfleet/shared/logger.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { HttpRequest } from '@certfleet/shared/kube/api-transport.ts';
import { ManagedFleetVolumes } from '../../apps/node-agent/src/fleet/managed-fleet-volumes.ts';
import { CertManagerIssuer } from '../../apps/node-agent/src/issuance/cert-manager-issuer.ts';
import { openNodeVolumes } from '../../apps/node-agent/src/node-volumes.ts';
import type { NodeVolumes, VolumeSettings } from '../../apps/node-agent/src/node-volumes.ts';
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

/** At which moment a process is to end: before a call on files or mounts, or after a request was carried out. */
export interface EndPoint {
  readonly at: 'file' | 'mount' | 'request';
  /** How many calls or requests are let pass first. */
  readonly after: number;
}

/** What a process runs in: it outlives the process. */
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
  readonly root: string;
  readonly log: (line: string) => void;
  /** Told after a change below a volume's directory. */
  readonly onFileChange: (volumeId: string) => void;
  readonly onRequestFault: (request: HttpRequest, fault: RequestFault) => void;
  /** Told when the process has ended by itself: an exception that nobody caught. */
  readonly onCrash: (thrown: unknown) => void;
  readonly onEnd: () => void;
}

/** One set of metrics serves every life: its default metrics watch the real process. */
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

/** One life of the agent: its real code between the first line and a kill, in a simulated node. */
export class AgentProcess {
  readonly #node: NodeSurroundings;
  readonly #client: KubeClient;
  readonly #issuer: CertManagerIssuer;
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
    this.#activeMounts = new ActiveMounts(this.clock);
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Whether it lives and has restored its volumes: the kubelet's calls are answered. */
  get isServing(): boolean {
    return this.#isAlive && this.#isServing;
  }

  get manager(): VolumeManager {
    if (this.#volumes === undefined) throw new Error('expected a started agent');
    return this.#volumes.manager;
  }

  /** Open files. */
  get openFiles(): number {
    return this.#files.openFiles;
  }

  /** Issuances that wait for their request's answer. */
  get waitingRequests(): number {
    return this.#issuer.waiting;
  }

  /** Restores what is on the node. @throws as openNodeVolumes does; the process has ended then */
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
        source: {
          issuer: this.#issuer,
          awaitGates: () => Promise.resolve(),
          recordEvent: () => undefined,
        },
        takeKey: () => (this.#isAlive ? Promise.resolve(keys.next()) : never()),
        metrics: metrics(),
        activeMounts: this.#activeMounts,
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

  publish(request: PublishRequest, context: PublishContext): Promise<void> {
    return this.manager.publish(request, context);
  }

  /** The volumes as the controller knows and commands them. */
  fleetVolumes(): ManagedFleetVolumes {
    return new ManagedFleetVolumes(this.manager, this.clock);
  }

  /** SIGTERM: ends by itself within the grace period, or is killed. */
  async stop(): Promise<void> {
    await this.#volumes?.stop();
    await this.#issuer.stop();
    this.#client.stop();
    this.kill();
  }

  /** Ends the process at a later point of what it does. */
  endAt({ at, after }: EndPoint): void {
    this.#endPoint = { at, after };
  }

  /** SIGKILL: from here on nothing that the process still does has any effect. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.clock.kill();
    this.#node.onEnd();
  }

  /** Called by the server, so that nothing may be thrown. */
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

/** What a process that has ended waits for. */
function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

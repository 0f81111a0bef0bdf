import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRedis } from '../../../apps/renewal-controller/src/redis/create-redis.ts';
import type { RedisClient } from '../../../apps/renewal-controller/src/redis/create-redis.ts';
import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { Audit } from '../../../libs/operator-api/src/audit.ts';
import type { Renewal } from '../../../libs/operator-api/src/renewals.ts';
import { events } from '../../../libs/shared/src/kube/api-resource.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { render } from '../../chart/render-chart.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { nodeQueueName, nodeQueuePrefix, redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { startControllerProcess } from '../simulation/controller-process.ts';
import type { ControllerProcess } from '../simulation/controller-process.ts';
import { agentAccess, startLink, writeAgentTokens } from './agent-links.ts';
import { ClusterObjects, certfleetResource } from './cluster-objects.ts';
import { connected } from './connected.ts';
import { eventually } from './eventually.ts';
import { GatedVolumes } from './gated-volumes.ts';
import { reportOf } from './operated-fleet.ts';
import type { ApiAnswer } from './operated-fleet.ts';

/** The used fields of a Renewal object. */
export interface KubeRenewal {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status?: {
    readonly state?: string;
    readonly progress?: string;
    readonly total?: number;
    readonly pending?: number;
    readonly renewed?: number;
    readonly gone?: number;
    readonly failures?: number;
    readonly canary?: { readonly total: number; readonly pending: number; readonly approvedBy?: string };
    readonly observedGeneration?: number;
    readonly startTime?: string;
    readonly completionTime?: string;
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

export interface RenewalFleetOptions {
  /** The API server; undefined: replicas run without Kubernetes, with these additional flags. */
  readonly cluster?: Cluster;
  readonly flags?: readonly string[];
  /** Volumes of the node; 10 by default. */
  readonly volumeCount?: number;
  readonly volumes?: GatedVolumes;
}

const renewals = certfleetResource('renewals');

export function renewalObject(name: string, spec: object): object {
  const kind = { apiVersion: 'certfleet.io/v1alpha1', kind: 'Renewal', metadata: { name } };
  return { ...kind, spec: { reason: 'CA roll-out', ...spec } };
}

/** Installs the chart's CustomResourceDefinitions. */
export async function installDefinitions(cluster: Cluster): Promise<void> {
  const chart = await render({ 'controller.enabled': true });
  const definitions = chart.filter(({ kind }) => kind === 'CustomResourceDefinition');
  await cluster.apply(definitions);
  const names = definitions.map(({ metadata }) => `crd/${metadata.name}`);
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=60s', ...names]);
}

/** Replicas in child processes on a real Redis, agents' links in this process, and Renewal objects. */
export class RenewalFleet implements AsyncDisposable {
  readonly redis: RedisServer;
  readonly volumes: GatedVolumes;
  readonly replicas = new Map<string, ControllerProcess>();
  readonly #objects: ClusterObjects | undefined;
  readonly #flags: readonly string[];
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-renewals-'));
  readonly #commands: RedisClient;
  readonly #links = new Map<string, FleetLink>();

  private constructor(
    redis: RedisServer,
    objects: ClusterObjects | undefined,
    { flags = [], volumes }: RenewalFleetOptions,
  ) {
    this.redis = redis;
    this.volumes = volumes ?? new GatedVolumes();
    this.#objects = objects;
    this.#flags = flags;
    this.#commands = createRedis({ url: redis.url }, 'commands', 'test');
    this.#commands.on('error', () => undefined);
    writeAgentTokens(this.#directory, ['node-a', 'node-b', 'node-c', 'node-d']);
  }

  /** Starts a fleet without replicas. */
  static async start(options: RenewalFleetOptions): Promise<RenewalFleet> {
    const objects = options.cluster === undefined ? undefined : await ClusterObjects.connect(options.cluster);
    const fleet = new RenewalFleet(await startRedisServer(), objects, options);
    await connected(fleet.#commands);
    for (let i = 0; i < (options.volumeCount ?? 10); i += 1) fleet.volumes.set(`csi-${i}`, reportOf(`csi-${i}`));
    return fleet;
  }

  async startReplica(name: string): Promise<ControllerProcess> {
    // A replica that was killed has left its socket.
    rmSync(join(this.#directory, `${name}.sock`), { force: true });
    const replica = await startControllerProcess('sources', [
      `--redis-url=${this.redis.url}`,
      `--fleet-bind-address=unix://${join(this.#directory, `${name}.sock`)}`,
      `--agent-token-file=${join(this.#directory, 'tokens')}`,
      ...(this.#objects === undefined ? [] : [`--kubeconfig=${this.#objects.kubeconfig}`]),
      '--api-auth=none',
      '--api-rate-limit=0',
      '--api-bind-address=127.0.0.1:0',
      '--ops-bind-address=127.0.0.1:0',
      '--heartbeat-interval=1s',
      `--replica-name=${name}`,
      ...this.#flags,
    ]);
    this.replicas.set(name, replica);
    return replica;
  }

  /** Ends a replica like a crash. */
  killReplica(name: string): void {
    const replica = this.replicas.get(name);
    if (replica === undefined) throw new Error(`replica ${name} does not run`);
    this.replicas.delete(name);
    process.kill(replica.pid, 'SIGKILL');
  }

  /** Connects the agent of node-a, or of another node with other volumes, to a replica, instead of the one before. */
  async connectAgent(replica: string, node = 'node-a', volumes = this.volumes): Promise<void> {
    await this.disconnectAgent(node);
    const access = agentAccess(this.#directory, `${replica}.sock`, node);
    const log = createLogger(0, { write: () => undefined });
    this.#links.set(node, startLink({ access, volumes, concurrentJobs: 2, log }));
  }

  async disconnectAgent(node: string): Promise<void> {
    await this.#links.get(node)?.stop();
    this.#links.delete(node);
  }

  /** Kills Redis for good; another, empty one takes its address. */
  async replaceRedis(): Promise<void> {
    await this.redis.kill();
    await this.redis.start();
  }

  /** Loses all data of Redis. */
  async flush(): Promise<void> {
    await this.#commands.flushall();
  }

  /** The number of renewals in the queue of the node that its agent has not begun. */
  async waitingJobs(): Promise<number> {
    return await this.#commands.zcard(`${nodeQueuePrefix('certfleet', 'node-a')}:${nodeQueueName}:prioritized`);
  }

  /** The number of volumes of the node that Redis has; undefined if it cannot be reached. */
  async storedVolumes(): Promise<number | undefined> {
    return await this.#commands.hlen(redisKeys('certfleet').volumes('node-a')).catch(() => undefined);
  }

  /** Saves the data of Redis, to which `restoreSaved` returns. */
  async save(): Promise<void> {
    await this.#commands.call('SAVE');
  }

  /** Returns to saved data, as a failover to a replica that is behind. */
  async restoreSaved(): Promise<void> {
    await this.redis.kill();
    await this.redis.start();
  }

  /** Requests a path of the API of a replica, by default the first. */
  async api<Body>(
    path: string,
    init: { readonly method?: string; readonly json?: unknown; readonly replica?: string } = {},
  ): Promise<ApiAnswer<Body>> {
    const [first] = this.replicas.values();
    const replica = init.replica === undefined ? first : this.replicas.get(init.replica);
    const { method = init.json === undefined ? 'GET' : 'POST', json } = init;
    const response = await fetch(`http://127.0.0.1:${replica?.apiPort ?? 0}/api/v1/${path}`, {
      method,
      ...(json !== undefined && { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
  }

  /** The renewal as the API shows it. */
  async shown(name: string): Promise<Renewal | undefined> {
    const { body } = await this.api<{ readonly renewals?: readonly Renewal[] }>('renewals');
    return body.renewals?.find(({ id }) => id === name);
  }

  async audit(): Promise<Audit['entries']> {
    return (await this.api<Audit>('audit?limit=100')).body.entries;
  }

  /** The API server's objects. */
  get objects(): ClusterObjects {
    if (this.#objects === undefined) throw new Error('this fleet has no API server');
    return this.#objects;
  }

  async apply(name: string, spec: object): Promise<void> {
    await this.objects.apply({ resource: renewals, name }, renewalObject(name, spec));
  }

  async patch(name: string, spec: object): Promise<void> {
    await this.objects.patch({ resource: renewals, name }, { spec });
  }

  async delete(name: string): Promise<void> {
    await this.objects.delete({ resource: renewals, name });
  }

  /** Undefined if it does not exist. */
  async object(name: string): Promise<KubeRenewal | undefined> {
    return await this.objects.get<KubeRenewal>({ resource: renewals, name });
  }

  async untilState(name: string, state: string): Promise<KubeRenewal> {
    let last: KubeRenewal | undefined;
    await eventually(
      `renewal ${name} to be ${state}`,
      async () => (last = await this.object(name))?.status?.state === state,
      60_000,
    ).catch((thrown: unknown) => {
      throw new Error(`the last status was ${JSON.stringify(last?.status)}`, { cause: thrown });
    });
    if (last === undefined) throw new Error(`renewal ${name} vanished`);
    return last;
  }

  /** The reasons of the Events on an object, in order, without those that are audit entries. */
  async events(name: string): Promise<readonly string[]> {
    return (await this.allEvents(name)).filter((reason) => !reason.startsWith('OperatorAction'));
  }

  async allEvents(name: string): Promise<readonly string[]> {
    return await this.eventReasons(`involvedObject.kind=Renewal,involvedObject.name=${name}`);
  }

  /** Waits until there are Events with these reasons on an object: an Event may follow the status that it is about. */
  async untilEvents(name: string, ...reasons: readonly string[]): Promise<void> {
    await eventually(`the Events ${reasons.join(', ')}`, async () => {
      const found = new Set(await this.events(name));
      return reasons.every((reason) => found.has(reason));
    });
  }

  /** The number of Events that are audit entries of this fleet's renewals. */
  async auditEvents(): Promise<number> {
    return (await this.eventReasons('reason=OperatorAction')).length;
  }

  /** The reasons of the Events that a field selector selects. */
  async eventReasons(fieldSelector: string): Promise<readonly string[]> {
    const target = { resource: events, namespace: 'default', query: { fieldSelector } };
    return (await this.objects.list<{ readonly reason: string }>(target)).map(({ reason }) => reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Begun renewals would keep the link open.
    this.volumes.permit(1_000);
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
    await Promise.all([...this.replicas.values()].map((replica) => replica.stop()));
    this.#commands.disconnect();
    await this.redis.stop();
    await this.#removeObjects();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Other tests use the same API server. */
  async #removeObjects(): Promise<void> {
    if (this.#objects === undefined) return;
    await this.#objects.delete({ resource: renewals });
    for (const reason of ['OperatorAction', 'OperatorActionRefused']) {
      const query = { fieldSelector: `reason=${reason}` };
      await this.#objects.delete({ resource: events, namespace: 'default', query });
    }
    this.#objects.stop();
  }
}

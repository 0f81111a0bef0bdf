import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import type { PodIdentity } from '../../../apps/node-agent/src/spec/volume-spec.ts';
import { AgentProcess } from '../../agent/agent-process.ts';
import { TestNode } from '../../agent/test-node.ts';
import { createPod } from '../../api/issuer-fixture.ts';
import { startCluster } from '../../cluster/cluster.ts';
import type { Cluster } from '../../cluster/cluster.ts';
import { createCaIssuer } from '../../cluster/issuers.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { startControllerProcess } from '../../fleet/simulation/controller-process.ts';
import type { ControllerProcess } from '../../fleet/simulation/controller-process.ts';
import { writeAgentToken, writeAgentTokens } from '../../fleet/support/agent-links.ts';
import { freePort, startRedisServer } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import type { AlertRule } from './chart-rules.ts';
import { PrometheusServer } from './prometheus-server.ts';
import type { ScrapeJob } from './prometheus-server.ts';

/** Namespace of the chart's release, for which its rules are rendered. */
const namespace = 'cert-manager';
/** The lane of the default issuer of volumes. */
export const issuerKey = 'ClusterIssuer.cert-manager.io//ca';
/** An issuer whose lane starts one renewal per minute. */
export const narrowIssuer = 'narrow';
/** The nodes with an agent. */
const nodeNames = ['node-1', 'node-2'] as const;
export type NodeName = (typeof nodeNames)[number];

/** The attributes of a volume that determine when it is due. */
export interface Lifetime {
  readonly duration: string;
  /** A third of the duration unless given. */
  readonly 'renew-before'?: string;
}

interface MonitoredNode {
  readonly node: TestNode;
  readonly metricsPort: number;
  agent: AgentProcess | undefined;
}

/**
 * A fleet of real parts and its Prometheus: an API server with cert-manager, redis-server, the controller, two agents.
 * Everything keeps its address over restarts.
 */
export class MonitoredFleet implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly redis: RedisServer;
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-monitored-'));
  readonly #tokens = writeAgentTokens(this.#directory, nodeNames);
  readonly #nodes = new Map<NodeName, MonitoredNode>();
  readonly #ports: { readonly api: number; readonly ops: number };
  readonly #kubeconfig: string;
  readonly #pod: PodIdentity;
  #controller: ControllerProcess | undefined;
  #prometheus: PrometheusServer | undefined;

  private constructor(parts: {
    cluster: Cluster;
    redis: RedisServer;
    ports: { api: number; ops: number };
    kubeconfig: string;
    pod: PodIdentity;
  }) {
    this.cluster = parts.cluster;
    this.redis = parts.redis;
    this.#ports = parts.ports;
    this.#kubeconfig = parts.kubeconfig;
    this.#pod = parts.pod;
    const narrow = { ratePerSecond: 1 / 60, burst: 1, maxInFlight: 1 };
    const policies = { overrides: [{ issuer: `*//${narrowIssuer}`, policy: narrow }] };
    writeFileSync(join(this.#directory, 'lanes.json'), JSON.stringify(policies));
  }

  /** Starts everything; Prometheus evaluates the rules. */
  static async start(rules: readonly AlertRule[]): Promise<MonitoredFleet> {
    const cluster = await startCluster({ nodes: 'control-plane' });
    const kubeconfig = await cluster.localKubeconfig();
    for (const name of ['ca', narrowIssuer]) await createCaIssuer(cluster, { name });
    const pod = await createPod(cluster, 'shop');
    const ports = { api: await freePort(), ops: await freePort() };
    const redis = await startRedisServer({ args: ['--maxmemory', '64mb'] });
    const fleet = new MonitoredFleet({ cluster, redis, ports, kubeconfig, pod });
    for (const name of nodeNames)
      fleet.#nodes.set(name, { node: new TestNode(), metricsPort: await freePort(), agent: undefined });
    await fleet.startController();
    for (const name of nodeNames) await fleet.startAgent(name);
    fleet.#prometheus = await PrometheusServer.start(fleet.#jobs(), rules);
    return fleet;
  }

  get prometheus(): PrometheusServer {
    if (this.#prometheus === undefined) throw new Error('the fleet has not been started');
    return this.#prometheus;
  }

  /** Starts the controller; flags given here override the defaults. */
  async startController(...flags: readonly string[]): Promise<void> {
    this.#controller = await startControllerProcess('sources', [
      `--redis-url=${this.redis.url}`,
      `--fleet-bind-address=unix://${join(this.#directory, 'fleet.sock')}`,
      `--agent-token-file=${this.#tokens}`,
      `--intent-directory=${join(this.#directory, 'intent')}`,
      '--api-auth=none',
      `--api-bind-address=127.0.0.1:${this.#ports.api}`,
      `--ops-bind-address=127.0.0.1:${this.#ports.ops}`,
      `--lane-policies-file=${join(this.#directory, 'lanes.json')}`,
      // A node is silent after three of them. A volume that is due on a hanging node must be overdue before that.
      '--heartbeat-interval=5s',
      // Longer than the certificates that are in order.
      '--posture-max-lifetime=90m',
      ...flags,
    ]);
  }

  /** Restarts the controller with an API server that does not respond, to which it sends its callers' tokens. */
  async startControllerWithoutApiServer(): Promise<void> {
    const kubeconfig = join(this.#directory, 'no-api-server.json');
    const cluster = { server: `http://127.0.0.1:${await freePort()}`, 'insecure-skip-tls-verify': true };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'none', cluster }],
      users: [{ name: 'controller', user: { token: 'controller-token' } }],
      contexts: [{ name: 'none', context: { cluster: 'none', user: 'controller' } }],
      'current-context': 'none',
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
    await this.startController('--api-auth=kubernetes', `--kubeconfig=${kubeconfig}`, '--intent-directory=');
  }

  /** An operator's call with a token; the response is ignored. */
  async callAsOperator(token: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`http://127.0.0.1:${this.#ports.api}/api/v1/lanes`, { headers });
    await response.body?.cancel();
  }

  /** Stops the controller's process until `resumeController`, as on a node without CPU: its connections stay open. */
  suspendController(): void {
    if (this.#controller !== undefined) process.kill(this.#controller.pid, 'SIGSTOP');
  }

  resumeController(): void {
    if (this.#controller !== undefined) process.kill(this.#controller.pid, 'SIGCONT');
  }

  async killController(): Promise<void> {
    await this.#controller?.kill();
    // Nothing else removes the socket of a killed controller, which would prevent the next one from listening.
    rmSync(join(this.#directory, 'fleet.sock'), { force: true });
  }

  async startAgent(name: NodeName): Promise<void> {
    const of = this.#nodeOf(name);
    const flags = [
      `--node-id=${name}`,
      `--kubeconfig=${this.#kubeconfig}`,
      '--issuance-timeout=3s',
      `--metrics-bind-address=127.0.0.1:${of.metricsPort}`,
      `--controller-address=unix://${join(this.#directory, 'fleet.sock')}`,
      `--controller-token-file=${writeAgentToken(this.#directory, name)}`,
    ];
    of.agent = await AgentProcess.start(of.node, { flags });
  }

  /** Stops an agent's process: it keeps its connections and does nothing. */
  hangAgent(name: NodeName): void {
    const { agent } = this.#nodeOf(name);
    if (agent !== undefined) process.kill(agent.pid, 'SIGSTOP');
  }

  async killAgent(name: NodeName): Promise<void> {
    await this.#nodeOf(name).agent?.kill();
  }

  /** The file system of that node's agent. */
  fileSystemOf(name: NodeName): TestNode {
    return this.#nodeOf(name).node;
  }

  /** Publishes a volume like the kubelet; rejects when the agent refuses. */
  async publish(name: NodeName, volumeName: string, lifetime: Lifetime, issuer = 'ca'): Promise<InlineVolume> {
    const { node } = this.#nodeOf(name);
    const names = { 'issuer-name': issuer, 'issuer-kind': 'ClusterIssuer', 'dns-names': 'pod.example.com' };
    const { name: podName, namespace: podNamespace, uid } = this.#pod;
    const pod = { podName, namespace: podNamespace, podUid: uid };
    const volume = node.volume(volumeName, { ...names, ...lifetime }, pod);
    await this.#call(name, (client) => client.publish(volume));
    return volume;
  }

  async unpublish(name: NodeName, volume: InlineVolume): Promise<void> {
    await this.#call(name, (client) => client.unpublish(volume));
  }

  /** Waits until the controller knows the volume. */
  async isReported(volumeId: string): Promise<void> {
    const isKnown = async (): Promise<boolean> => {
      const { volumes } = (await this.#ask('GET', 'volumes')) as { volumes: readonly { volumeId: string }[] };
      return volumes.some((volume) => volume.volumeId === volumeId);
    };
    await waitUntil(`the report of ${volumeId}`, isKnown, { timeoutMs: 60_000, intervalMs: 100 });
  }

  async pause(lane: string): Promise<void> {
    await this.#askLane(lane, 'pause', { reason: 'test' });
  }

  async resume(lane: string): Promise<void> {
    await this.#askLane(lane, 'resume', {});
  }

  /** Renews the volumes of a node, or all. @returns the name of the renewal */
  async renew(limits: { canary?: number; stopAfterFailures?: number }, node?: NodeName): Promise<string> {
    const selection = node === undefined ? { namespace: 'shop' } : { node };
    const body = { selection, reason: 'test', ...limits };
    return ((await this.#ask('POST', 'renewals', body)) as { readonly id: string }).id;
  }

  async cancelRenewal(name: string): Promise<void> {
    await this.#ask('DELETE', `renewals/${name}`);
  }

  /** The metrics page of a program. */
  async metricsOf(program: NodeName | 'controller'): Promise<string> {
    const port = program === 'controller' ? this.#ports.ops : this.#nodeOf(program).metricsPort;
    return await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#prometheus?.[Symbol.asyncDispose]();
    for (const { agent, node } of this.#nodes.values()) {
      await agent?.kill();
      node.remove();
    }
    await this.#controller?.kill();
    await this.redis.stop();
    await this.cluster.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #nodeOf(name: NodeName): MonitoredNode {
    const found = this.#nodes.get(name);
    if (found === undefined) throw new Error(`no node ${name} in the fleet`);
    return found;
  }

  async #call(name: NodeName, work: (client: CsiClient) => Promise<void>): Promise<void> {
    const client = new CsiClient(this.#nodeOf(name).node.socketPath);
    try {
      await work(client);
    } finally {
      client.close();
    }
  }

  async #askLane(key: string, action: 'pause' | 'resume', body: object): Promise<void> {
    const known = (await this.#ask('GET', 'lanes')) as { readonly lanes: readonly { id: string; key: string }[] };
    const id = known.lanes.find((lane) => lane.key === key)?.id ?? 'unknown';
    await this.#ask('POST', `lanes/${id}/${action}`, body);
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${this.#ports.api}/api/v1/${path}`, { method, ...content });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }

  #jobs(): readonly ScrapeJob[] {
    return [
      {
        job: 'certfleet',
        targets: nodeNames.map((node) => ({
          address: `127.0.0.1:${this.#nodeOf(node).metricsPort}`,
          labels: { namespace, node },
        })),
      },
      {
        job: 'renewal-controller',
        targets: [{ address: `127.0.0.1:${this.#ports.ops}`, labels: { namespace } }],
      },
    ];
  }
}

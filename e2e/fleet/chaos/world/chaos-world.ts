import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestAuthority } from '../../../support/test-authority.ts';
import { writeAgentToken } from '../../support/agent-links.ts';
import { AgentHost } from '../agents/agent-host.ts';
import type {
  AgentBehaviour,
  AgentVersion,
  AgentVolume,
  HostEvent,
  NodeSketch,
  VolumeSketch,
} from '../agents/messages.ts';
import { Lateness } from '../lateness.ts';
import { iso, Ledger, volumeKey } from '../ledger.ts';
import { Operator } from '../operator.ts';
import { itemAt } from '../../../support/random.ts';
import type { Random } from '../../../support/random.ts';
import { RunLog } from '../run-log.ts';
import { addresses, nameOfWay, nameWays, Network } from './network.ts';
import { redisPort, RedisPair } from './redis-pair.ts';
import { Replica } from './replica.ts';
import type { ApiAnswer } from './replica.ts';
import { ReviewServer } from './review-server.ts';

export interface WorldOptions {
  readonly directory: string;
  readonly agents: number;
  readonly volumesPerNode: number;
  readonly replicas: number;
  /** Gets each line of the log at once; '' for none. */
  readonly logFile: string;
  readonly random: Random;
}

export const issuers = ['corporate', 'vault', 'acme', 'mesh', 'legacy'] as const;
export const usualRate = 15;
export const lanePolicy = { ratePerSecond: usualRate, burst: 5, maxInFlight: 10, answerTimeoutMs: 10_000 } as const;
export const backoff = { threshold: 3, initialMs: 1_000, maxMs: 4_000 } as const;

const hosts = 2;
const hostileNodes = 2;
/** They misreport all of them at each look. */
const hostileVolumes = 4;
const issueMs = 100;
/** Longer than any agent is silent here, and shorter than any replica's clock is shifted. */
const forgetNodeAfter = '90s';

/** A Redis pair, replicas, agents' processes and an API server in the run's network namespace. */
export class ChaosWorld {
  readonly redis: RedisPair;
  readonly network = new Network();
  readonly reviews = new ReviewServer();
  readonly ledger: Ledger;
  readonly log: RunLog;
  readonly operator: Operator;
  readonly replicas: Replica[] = [];
  readonly hosts: AgentHost[] = [];
  /** Of replicas, agents and Redis. */
  readonly lateness = new Lateness(() => [
    ...[...this.replicas, ...this.hosts].map(({ pid }) => pid),
    this.redis.primary.pid,
  ]);
  /** Pending checks after faults; a round ends after them. */
  readonly watching: Promise<void>[] = [];
  /** Of the hostile nodes. */
  behaviours: readonly AgentBehaviour[] = [];
  readonly #options: WorldOptions;
  readonly #paths: (0 | 1)[] = Array.from({ length: hosts }, () => 0);
  readonly #ratesRead = new Map<number, number>();
  readonly #away = new Map<string, () => void>();
  #caFile = '';
  /** The rate in the policy file. */
  #ratePerSecond: number = usualRate;
  #created = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.log = new RunLog(options.logFile);
    this.redis = new RedisPair(options.directory);
    this.ledger = new Ledger(this.#nodeNames.slice(0, hostileNodes));
    this.operator = new Operator({
      ledger: this.ledger,
      redis: this.redis,
      issuers,
      api: (method, path, body) => this.api(method, path, body),
    });
  }

  /** Resolves when all processes run and the agents are connecting. */
  async start(): Promise<void> {
    const { directory, replicas } = this.#options;
    await this.redis.start();
    this.writePolicies(usualRate);
    const flags = await this.#flags();
    for (let index = 0; index < replicas; index += 1) {
      const onLog = (line: string): void => this.#onLog(index, line);
      this.replicas.push(new Replica({ index, directory, flags, onLog }));
    }
    await Promise.all(this.replicas.map(({ index }) => this.#startReplica(index)));
    this.lateness.start();
    await this.#startAgents();
  }

  replica(index: number): Replica {
    return itemAt(this.replicas, index);
  }

  host(index: number): AgentHost {
    return itemAt(this.hosts, index);
  }

  async startReplica(index: number): Promise<void> {
    if (!this.replica(index).isAlive) await this.#startReplica(index);
    await this.publishEndpoints();
  }

  /** The slowest of the rates that replicas read at their start. */
  get slowestRate(): number {
    return Math.min(...this.#ratesRead.values());
  }

  get fastestRate(): number {
    return Math.max(...this.#ratesRead.values());
  }

  /** Sends the running replicas to the agents, as a Service does. */
  async publishEndpoints(): Promise<void> {
    const alive = this.replicas.filter(({ isAlive }) => isAlive);
    const sent = this.hosts.map((host, h) => {
      const path = this.#paths[h] ?? 0;
      const ways = alive.map(({ index, fleetPort }) => `dns:${nameOfWay(h, index, path)}:${fleetPort}`);
      return host.tell({ kind: 'endpoints', addresses: ways });
    });
    // A frozen process receives it when it continues.
    await Promise.race([Promise.all(sent), new Promise((resolve) => setTimeout(resolve, 1_000))]);
  }

  async usePath(host: number, path: 0 | 1): Promise<void> {
    this.#paths[host] = path;
    await this.publishEndpoints();
  }

  writePolicies(ratePerSecond: number): void {
    this.#ratePerSecond = ratePerSecond;
    const defaults = { ...lanePolicy, ratePerSecond, backoff };
    writeFileSync(join(this.#options.directory, 'lanes.json'), JSON.stringify({ defaults }));
  }

  async setIssuerAway(index: number, isAway: boolean): Promise<void> {
    const issuer = issuers[index] ?? issuers[0];
    if (isAway) this.#away.set(issuer, this.#away.get(issuer) ?? this.ledger.excuse(issuer));
    else {
      this.#away.get(issuer)?.();
      this.#away.delete(issuer);
    }
    const away = [...this.#away.keys()];
    for (const host of this.hosts) void host.tell({ kind: 'issuers-away', issuers: away });
    await Promise.resolve();
  }

  /** Replaces pods on the nodes of one agents' process. */
  async replaceVolumes(host: number, count: number): Promise<void> {
    const { random } = this.#options;
    const nodes = new Set(this.host(host).nodes);
    const here = [...this.ledger.volumes.values()].filter(({ node }) => nodes.has(node));
    for (const { node, volumeId } of random.shuffled(here).slice(0, count)) {
      this.ledger.volumes.delete(volumeKey({ node, volumeId }));
      const volume = this.#sketch(node, 0);
      await this.host(host).tell({ kind: 'remove', node, volumeId });
      await this.host(host).tell({ kind: 'add', node, volume });
      this.ledger.track(trackedOf(node, volume));
    }
  }

  async setBehaviours(behaviours: readonly AgentBehaviour[]): Promise<void> {
    this.behaviours = behaviours;
    for (const [i, node] of [...this.ledger.hostile].entries()) {
      const host = this.hosts.find(({ nodes }) => nodes.includes(node));
      await host?.tell({ kind: 'behaviours', node, behaviours: behaviours[i] ?? 'honest' });
    }
  }

  /** The state of every honest volume at its agent. */
  async states(): Promise<readonly AgentVolume[]> {
    const all = await Promise.all(this.hosts.map((host) => host.states()));
    return all.flat().filter(({ node }) => !this.ledger.hostile.has(node));
  }

  async api(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const serving = this.replicas.filter(({ isServing }) => isServing);
    if (serving.length === 0) throw new Error('no replica serves');
    return await this.#options.random.pick(serving).api(method, path, body);
  }

  /** Ends every fault. */
  async heal(): Promise<void> {
    for (const replica of this.replicas) replica.goOn();
    for (const host of this.hosts) host.goOn();
    await this.network.restoreAll();
    await this.redis.repair();
    this.reviews.delayMs = 0;
    this.reviews.fails = false;
    for (const [h] of this.hosts.entries()) this.#paths[h] = 0;
    for (const [index] of issuers.entries()) await this.setIssuerAway(index, false);
    for (const host of this.hosts) await host.tell({ kind: 'clocks', nodes: host.nodes, offsetMs: 0 });
    for (const replica of this.replicas) replica.shiftClock(0);
    await Promise.all(this.replicas.map(({ index }) => this.startReplica(index)));
  }

  async stop(): Promise<void> {
    this.lateness.stop();
    await Promise.all([...this.hosts, ...this.replicas].map((process) => process.kill()));
    await this.redis.stop();
    this.reviews.stop();
  }

  async #startReplica(index: number): Promise<void> {
    this.#ratesRead.set(index, this.#ratePerSecond);
    await this.replica(index).start();
  }

  get #nodeNames(): readonly string[] {
    return Array.from({ length: this.#options.agents }, (_, i) => `node-${String(i).padStart(3, '0')}`);
  }

  async #flags(): Promise<readonly string[]> {
    const { directory, replicas } = this.#options;
    const authority = new TestAuthority(directory);
    this.#caFile = authority.files.certificateFile;
    const names = await nameWays(directory, hosts, replicas);
    const serving = authority.issue('controller', names.map((name) => `DNS:${name}`).join(','));
    const kubeconfig = await this.reviews.start(addresses.reviews, directory);
    return [
      `--redis-node-url=redis://${addresses.redisOfAgents}:${redisPort}`,
      `--tls-cert-file=${serving.certificateFile}`,
      `--tls-key-file=${serving.keyFile}`,
      `--kubeconfig=${kubeconfig}`,
      `--intent-directory=${join(directory, 'intent')}`,
      '--agent-service-account=certfleet/agent',
      '--api-auth=none',
      '--api-rate-limit=0',
      '--heartbeat-interval=1s',
      `--forget-node-after=${forgetNodeAfter}`,
      `--lane-policies-file=${join(directory, 'lanes.json')}`,
    ];
  }

  #onLog(replica: number, line: string): void {
    this.log.add(`replica-${replica}`, line);
    if (line.includes('"msg":"node removed"'))
      this.ledger.violate(5, `replica-${replica} removed a node with a running agent: ${line}`);
  }

  #logEvent(event: HostEvent): void {
    if (event.kind === 'log') this.log.add(event.node, event.line);
    else if (event.kind === 'failed') this.log.add(event.node, `failed ${event.volumeId}#${event.generation}`);
    else {
      const { node, volumeId, generation, cause, isRequested, startedMs } = event.issuance;
      const by = isRequested === true ? `requested ${cause}` : cause;
      this.log.add(node, `issued ${volumeId}#${generation} by ${by}, started ${iso(startedMs)}`);
    }
  }

  async #startAgents(): Promise<void> {
    const nodes = this.#nodeNames.map((node) => this.#nodeSketch(node));
    for (const { node, volumes } of nodes) for (const volume of volumes) this.ledger.track(trackedOf(node, volume));
    const each = Math.ceil(nodes.length / hosts);
    for (let h = 0; h < hosts; h += 1) {
      const own = nodes.slice(h * each, (h + 1) * each);
      const host = new AgentHost(
        own.map(({ node }) => node),
        (event) => {
          this.#logEvent(event);
          this.ledger.onEvent(event);
        },
      );
      this.hosts.push(host);
      await host.tell({ kind: 'start', caFile: this.#caFile, issueMs, nodes: own });
    }
    await this.publishEndpoints();
  }

  #nodeSketch(node: string): NodeSketch {
    const { directory, volumesPerNode, random } = this.#options;
    const isHostile = this.ledger.hostile.has(node);
    const versions: readonly AgentVersion[] = ['current', 'current', 'older', 'newer'];
    return {
      node,
      tokenFile: writeAgentToken(directory, node),
      behaviours: 'honest',
      version: random.pick(versions),
      volumes: Array.from({ length: isHostile ? hostileVolumes : volumesPerNode }, () =>
        this.#sketch(node, random.next() * 0.6),
      ),
    };
  }

  #sketch(node: string, age: number): VolumeSketch {
    const { random } = this.#options;
    this.#created += 1;
    const id = `csi-${createHash('sha256').update(`${node}/${this.#created}`).digest('hex')}`;
    return { id, issuer: random.pick(issuers), lifetimeMs: random.between(60, 180) * 1_000, age };
  }
}

/** The agent will have it within milliseconds. */
function trackedOf(node: string, { id, issuer, lifetimeMs, age }: VolumeSketch): AgentVolume {
  const issuedAtMs = Date.now() - age * lifetimeMs;
  const times = { issuedAtMs, renewAtMs: issuedAtMs + (lifetimeMs * 2) / 3, notAfterMs: issuedAtMs + lifetimeMs };
  return { node, volumeId: id, issuer, generation: 1, lifetimeMs, ...times, isBusy: false };
}

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { writeAgentToken, writeAgentTokens } from '../support/agent-links.ts';
import type { LivingVolumeSketch } from '../support/living-volumes.ts';
import { writeTestCertificate } from '../../../libs/shared/src/testing/test-certificate.ts';
import type { HostedNode } from './agent-host.ts';
import { AgentHosts } from './agent-hosts.ts';
import { startControllerProcess } from './controller-process.ts';
import type { ControllerProcess, controllerPrograms } from './controller-process.ts';

/** The size and configuration of a fleet. */
export interface SimulatedFleetOptions {
  readonly nodes: number;
  readonly volumes: number;
  readonly program: keyof typeof controllerPrograms;
  /** Number of processes for the agents. */
  readonly hosts: number;
  /** Duration of an issuance. */
  readonly issueMs: number;
  /** Content of the controller's lane policy file. */
  readonly lanePolicies: object;
}

/** The volume with that index, without its id. */
export type SketchOf = (index: number) => Omit<LivingVolumeSketch, 'id'>;

/** A Redis, a controller and a fleet's agents in separate processes. */
export class SimulatedFleet implements AsyncDisposable {
  readonly redis: RedisServer;
  /** A connection of the observer. */
  readonly admin: Redis;
  readonly hosts: AgentHosts;
  readonly options: SimulatedFleetOptions;
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-simulation-'));
  #controller: ControllerProcess | undefined;

  private constructor(redis: RedisServer, options: SimulatedFleetOptions) {
    this.redis = redis;
    this.options = options;
    this.admin = new Redis(redis.url);
    this.admin.on('error', () => undefined);
    this.hosts = new AgentHosts(options.hosts);
  }

  /** Starts Redis, the controller, and the agents' processes, which wait for `connect`. */
  static async start(options: SimulatedFleetOptions): Promise<SimulatedFleet> {
    const fleet = new SimulatedFleet(await startRedisServer(), options);
    const directory = fleet.#directory;
    const tls = writeTestCertificate(directory);
    const tokens = writeAgentTokens(directory, fleet.#nodeNames);
    writeFileSync(join(directory, 'lanes.json'), JSON.stringify(options.lanePolicies));
    await fleet.hosts.renewed(); // Answered when the processes are running.
    fleet.#controller = await startControllerProcess(options.program, [
      `--redis-url=${fleet.redis.url}`,
      '--fleet-bind-address=127.0.0.1:0',
      `--tls-cert-file=${tls.certificateFile}`,
      `--tls-key-file=${tls.keyFile}`,
      `--agent-token-file=${tokens}`,
      `--intent-directory=${join(directory, 'intent')}`,
      `--lane-policies-file=${join(directory, 'lanes.json')}`,
      '--api-bind-address=0',
      '--ops-bind-address=127.0.0.1:0',
    ]);
    return fleet;
  }

  get controller(): ControllerProcess {
    if (this.#controller === undefined) throw new Error('the controller has not been started');
    return this.#controller;
  }

  /** Lets every agent connect and report. */
  async connect(sketchOf: SketchOf): Promise<void> {
    const { volumes, nodes, issueMs } = this.options;
    const each = volumes / nodes;
    const hosted = this.#nodeNames.map((node, n): HostedNode => {
      const tokenFile = writeAgentToken(this.#directory, node);
      const ids = Array.from({ length: each }, (_, i) => i);
      return { tokenFile, volumes: ids.map((i) => ({ ...sketchOf(n * each + i), id: volumeIdOf(`${node}/${i}`) })) };
    });
    const address = `dns:localhost:${this.controller.fleetPort}`;
    await this.hosts.start({ address, caFile: join(this.#directory, 'tls.crt'), issueMs }, hosted);
  }

  /** Waits until the index in Redis contains every volume with its next renewal. */
  async untilIndexed(): Promise<void> {
    const { controller } = redisKeys('certfleet');
    const { volumes } = this.options;
    for (;;) {
      const delayed = await this.admin.zcard(`${controller}:due:delayed`).catch(() => 0);
      if (delayed >= volumes && (await this.indexed()) >= volumes) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The number of volumes in the index. */
  async indexed(): Promise<number> {
    const keys = redisKeys('certfleet');
    const sizes = await Promise.all(this.#nodeNames.map((node) => this.admin.hlen(keys.volumes(node))));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Connections to Redis by user; both the controller and the observer are `default`. */
  async connectionsByUser(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const [, user = ''] of String(await this.admin.client('LIST')).matchAll(/ user=(\S+)/g))
      counts.set(user, (counts.get(user) ?? 0) + 1);
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hosts.stop();
    await this.#controller?.stop();
    this.admin.disconnect();
    await this.redis.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #nodeNames(): readonly string[] {
    return Array.from(
      { length: this.options.nodes },
      (_, i) => `ip-10-0-${Math.floor(i / 250)}-${i % 250}.eu-central-1.compute.internal`,
    );
  }
}

/** In the kubelet's form: `csi-` and 64 hexadecimal digits. */
function volumeIdOf(seed: string): string {
  return `csi-${createHash('sha256').update(seed).digest('hex')}`;
}

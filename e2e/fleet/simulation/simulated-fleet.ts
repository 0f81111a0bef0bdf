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

/** How large a fleet is, and what runs it. */
export interface SimulatedFleetOptions {
  readonly nodes: number;
  readonly volumes: number;
  readonly program: keyof typeof controllerPrograms;
  /** Processes that the agents share. */
  readonly hosts: number;
  /** How long an issuance takes. */
  readonly issueMs: number;
  /** Content of the controller's file of lane policies. */
  readonly lanePolicies: object;
}

/** Everything of the volume of that number but its id. */
export type SketchOf = (index: number) => Omit<LivingVolumeSketch, 'id'>;

/** A Redis, a controller and a fleet's agents, in processes of their own. */
export class SimulatedFleet implements AsyncDisposable {
  readonly redis: RedisServer;
  /** A connection of the observer's. */
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

  /** Starts Redis, the controller, and the processes of agents, which wait for `connect`. */
  static async start(options: SimulatedFleetOptions): Promise<SimulatedFleet> {
    const fleet = new SimulatedFleet(await startRedisServer(), options);
    const directory = fleet.#directory;
    const tls = writeTestCertificate(directory);
    const tokens = writeAgentTokens(directory, fleet.#nodeNames);
    writeFileSync(join(directory, 'lanes.json'), JSON.stringify(options.lanePolicies));
    await fleet.hosts.renewed(); // Answered once the processes are up.
    fleet.#controller = await startControllerProcess(options.program, [
      `--redis-url=${fleet.redis.url}`,
      '--fleet-bind-address=127.0.0.1:0',
      `--tls-cert-file=${tls.certificateFile}`,
      `--tls-key-file=${tls.keyFile}`,
      `--agent-token-file=${tokens}`,
      `--lane-policies-file=${join(directory, 'lanes.json')}`,
      '--api-bind-address=0',
      '--ops-bind-address=127.0.0.1:0',
    ]);
    return fleet;
  }

  get controller(): ControllerProcess {
    if (this.#controller === undefined) throw new Error('expected a controller that was started');
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

  /** Waits until the index in Redis holds every volume, and a next renewal waits for each. */
  async untilIndexed(): Promise<void> {
    const { controller } = redisKeys('certfleet');
    const { volumes } = this.options;
    for (;;) {
      const delayed = await this.admin.zcard(`${controller}:due:delayed`).catch(() => 0);
      if (delayed >= volumes && (await this.indexed()) >= volumes) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** How many volumes the index in Redis holds. */
  async indexed(): Promise<number> {
    const keys = redisKeys('certfleet');
    const sizes = await Promise.all(this.#nodeNames.map((node) => this.admin.hlen(keys.volumes(node))));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Connections to Redis by the user that made them; the controller is `default`, as is the observer. */
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

/** As the kubelet makes them: `csi-` and 64 hexadecimal digits. */
function volumeIdOf(seed: string): string {
  return `csi-${createHash('sha256').update(seed).digest('hex')}`;
}

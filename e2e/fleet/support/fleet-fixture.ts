import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { FleetServer } from '../../../apps/renewal-controller/src/fleet-api/fleet-server.ts';
import { FleetIndex } from '../../../apps/renewal-controller/src/fleet-index/fleet-index.ts';
import { decodeVolume } from '../../../apps/renewal-controller/src/fleet-index/model/volume-json.ts';
import { RedisAcl } from '../../../apps/renewal-controller/src/identity/redis-acl.ts';
import { ServingCertificate } from '../../../apps/renewal-controller/src/identity/serving-certificate.ts';
import { identifyByStaticTokens } from '../../../apps/renewal-controller/src/identity/static-tokens.ts';
import { redisEndpoint } from '../../../apps/renewal-controller/src/redis/create-redis.ts';
import { nodeQueueName, nodeQueuePrefix, redisKeys } from '../../../apps/renewal-controller/src/redis/redis-keys.ts';
import { RedisConnections } from '../../../apps/renewal-controller/src/redis/redis-connections.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { startLink, writeAgentTokens } from './agent-links.ts';
import { connected } from './connected.ts';
import { eventually } from './eventually.ts';
import { writeTestCertificate } from '@certfleet/shared/testing/test-certificate.ts';
import type { TestCertificate } from '@certfleet/shared/testing/test-certificate.ts';

const prefix = 'certfleet';

/** The part of a controller replica that agents use: the fleet API over TLS on a real Redis. */
export interface Replica {
  readonly server: FleetServer;
  readonly certificate: ServingCertificate;
  readonly port: number;
  stop(): Promise<void>;
}

/** A Redis, replicas of the fleet API and agents' links, all real, in this process. */
export class FleetFixture implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'certfleet-fleet-'));
  readonly files: TestCertificate = writeTestCertificate(this.directory);
  readonly log: string[] = [];
  readonly redis: RedisServer;
  readonly #tokens = writeAgentTokens(this.directory, ['node-a', 'node-b']);
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #logger = createLogger(2, { write: (line: string) => void this.log.push(line) });

  private constructor(redis: RedisServer) {
    this.redis = redis;
  }

  static async start(): Promise<FleetFixture> {
    return new FleetFixture(await startRedisServer());
  }

  /** @param identify replaces the fixture's own tokens */
  async startReplica(port = 0, identify = identifyByStaticTokens(this.#tokens)): Promise<Replica> {
    const config = { url: this.redis.url };
    const log = this.#logger;
    const clock = systemClock;
    const connections = new RedisConnections({ config, clock, logger: log });
    const redis = connections.commands;
    const sink = {
      changed: () => Promise.resolve(),
      confirmed: () => Promise.resolve(),
      deferred: () => Promise.resolve(),
      forgotten: () => Promise.resolve(),
    };
    const certificate = await ServingCertificate.open({ ...this.files, clock, log });
    const server = new FleetServer({
      address: `127.0.0.1:${port}`,
      certificate,
      identify,
      index: new FleetIndex({ redis, keys: redisKeys(prefix), sink, clock, logger: log }),
      access: new RedisAcl({ redis, prefix, endpoint: () => redisEndpoint(config), clock, lifetimeMs: 3_600_000 }),
      replica: `replica-${port}`,
      heartbeatSeconds: 1,
      clock,
      log,
      observer: { streamEnded: () => undefined, reportTaken: () => undefined },
    });
    connections.onReplaced(() => server.redisReplaced());
    connections.start();
    let isStopped = false;
    const stop = async (): Promise<void> => {
      if (isStopped) return;
      isStopped = true;
      await server.stop();
      certificate.stop();
      connections.stop();
    };
    this.#ends.push(stop);
    return { server, certificate, port: await server.start(), stop };
  }

  /** An agent's link for the node of its token. */
  link(port: number, volumes: MemoryVolumes, token = 'token-of-node-a'): FleetLink {
    const tokenFile = join(this.directory, `token-${this.#ends.length}`);
    writeFileSync(tokenFile, token);
    const access = { address: `dns:localhost:${port}`, caFile: this.files.certificateFile, tokenFile };
    const link = startLink({ access, volumes, concurrentJobs: 2, log: this.#logger });
    this.#ends.push(() => link.stop());
    return link;
  }

  /** The ids and generations of a node in the index. */
  async indexed(node: string): Promise<Readonly<Record<string, number>>> {
    return await this.#withRedis(async (redis) => {
      const volumes = await redis.hgetall(redisKeys(prefix).volumes(node));
      return Object.fromEntries(
        Object.entries(volumes).map(([id, json]) => [id, decodeVolume(node, id, json)?.generation ?? -1]),
      );
    });
  }

  /** Waits until the index contains exactly these volumes of a node. */
  async untilIndexed(node: string, expected: Readonly<Record<string, number>>): Promise<void> {
    const wanted = JSON.stringify(Object.entries(expected).sort());
    await eventually(`${node} to be indexed as ${wanted}`, async () => {
      return JSON.stringify(Object.entries(await this.indexed(node)).sort()) === wanted;
    });
  }

  /** Waits until an agent is connected to its queue in Redis. */
  async untilAtQueue(): Promise<void> {
    await eventually('an agent at its queue', () =>
      this.#withRedis(async (redis) => String(await redis.client('LIST')).includes(`user=${prefix}-node-`)),
    );
  }

  /** Adds a job to a node's queue like the controller. */
  async addJob(node: string, volumeId: string, generation: number): Promise<void> {
    await this.#withRedis(async (connection) => {
      const queue = new Queue(nodeQueueName, { connection, prefix: nodeQueuePrefix(prefix, node) });
      await queue.add('renew', { volumeId, generation, cause: 'due' }, { jobId: `${volumeId}-g${generation}` });
      await queue.close();
    });
  }

  async #withRedis<T>(work: (redis: RedisConnections['commands']) => Promise<T>): Promise<T> {
    const connections = new RedisConnections({
      config: { url: this.redis.url },
      clock: systemClock,
      logger: this.#logger,
    });
    try {
      await connected(connections.commands);
      return await work(connections.commands);
    } finally {
      connections.stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    await this.redis.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

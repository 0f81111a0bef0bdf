import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { agentAccess, writeAgentTokens } from '../fleet/support/agent-links.ts';
import { startControllerProcess } from '../fleet/simulation/controller-process.ts';
import type { ControllerProcess } from '../fleet/simulation/controller-process.ts';
import { startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';
import type { Cluster } from '../cluster/types.ts';

const socket = 'fleet.sock';

/** The bundled controller and its Redis, which the benchmark's agent reaches in the cluster's network. */
export class BenchController {
  /** The agent's flags. */
  readonly agentFlags: readonly string[];
  readonly #redis: RedisServer;
  readonly #process: ControllerProcess;

  private constructor(redis: RedisServer, process: ControllerProcess, agentFlags: readonly string[]) {
    this.#redis = redis;
    this.#process = process;
    this.agentFlags = agentFlags;
  }

  static async start({ directory: parent, enterNamespace: prefix }: Cluster, node: string): Promise<BenchController> {
    const directory = join(parent, 'controller');
    mkdirSync(directory);
    const redis = await startRedisServer({ prefix });
    const flags = [
      `--redis-url=${redis.url}`,
      `--fleet-bind-address=unix://${join(directory, socket)}`,
      `--agent-token-file=${writeAgentTokens(directory, [node])}`,
      `--intent-directory=${join(directory, 'intent')}`,
      '--api-auth=none',
      '--api-bind-address=127.0.0.1:0',
      '--ops-bind-address=127.0.0.1:0',
    ];
    const process = await startControllerProcess('bundle', flags, prefix);
    const { address, tokenFile } = agentAccess(directory, socket, node);
    const agentFlags = ['--ca-rotations', `--controller-address=${address}`, `--controller-token-file=${tokenFile}`];
    return new BenchController(redis, process, agentFlags);
  }

  async stop(): Promise<void> {
    await this.#process.stop();
    await this.#redis.stop();
  }
}

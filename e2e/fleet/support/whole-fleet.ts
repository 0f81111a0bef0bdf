import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectToController } from '../../../apps/node-agent/src/fleet/controller-client.ts';
import type { ControllerAccess } from '../../../apps/node-agent/src/fleet/controller-client.ts';
import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { FleetVolumes } from '../../../apps/node-agent/src/fleet/fleet-volumes.ts';
import { readConfig } from '../../../apps/renewal-controller/src/config.ts';
import { Controller } from '../../../apps/renewal-controller/src/controller.ts';
import type { ControllerPorts } from '../../../apps/renewal-controller/src/controller.ts';
import { AgentMessage } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { ControllerMessage, RedisAccess } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import type { ClientCertificateFiles } from '../../../libs/shared/src/redis-tls.ts';
import { agentAccess, startLink, writeAgentTokens } from './agent-links.ts';
import { eventually } from './eventually.ts';

/** The connection of a fleet to its Redis. */
export interface FleetRedis {
  /** The controller's flags. */
  readonly flags: readonly string[];
  /** The agents' client certificate. */
  readonly agentCertificate?: ClientCertificateFiles | undefined;
}

/** A complete controller and agents' links in this process, on a Redis that the test has started. */
export class WholeFleet implements AsyncDisposable {
  readonly log: string[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-whole-'));
  readonly #tokens = writeAgentTokens(this.#directory, ['node-a', 'node-b', 'node-x']);
  readonly #redis: FleetRedis;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #logger = createLogger(2, { write: (line: string) => void this.log.push(line) });
  #ports: ControllerPorts = { fleet: 0, api: undefined, ops: undefined };

  private constructor(redis: FleetRedis) {
    this.#redis = redis;
  }

  static async start(redis: FleetRedis, lanePolicy: object = {}): Promise<WholeFleet> {
    const fleet = new WholeFleet(redis);
    const policies = join(fleet.#directory, 'lanes.json');
    writeFileSync(policies, JSON.stringify({ defaults: lanePolicy }));
    const argv = [
      ...redis.flags,
      `--fleet-bind-address=unix://${join(fleet.#directory, 'fleet.sock')}`,
      `--agent-token-file=${fleet.#tokens}`,
      `--intent-directory=${join(fleet.#directory, 'intent')}`,
      `--lane-policies-file=${policies}`,
      '--api-auth=none',
      '--api-bind-address=127.0.0.1:0',
      '--ops-bind-address=127.0.0.1:0',
      '--heartbeat-interval=1s',
    ];
    const log = fleet.#logger;
    const controller = new Controller({ config: readConfig(argv, {}), env: {}, clock: systemClock, log });
    fleet.#ends.push(() => controller.stop());
    fleet.#ports = await controller.start();
    await eventually('the controller to be ready', async () => (await fleet.ops('readyz')).status === 200);
    return fleet;
  }

  /** The agent of a node. */
  link(node: string, volumes: FleetVolumes): FleetLink {
    const link = startLink({
      access: this.#access(node),
      volumes,
      concurrentJobs: 4,
      redisCertificate: this.#redis.agentCertificate,
      log: this.#logger,
    });
    this.#ends.push(() => link.stop());
    return link;
  }

  /** The access to its queue that the controller gives to a node's agent. */
  async accessOf(node: string): Promise<RedisAccess> {
    const connection = await connectToController(this.#access(node));
    const { stream } = connection;
    stream.write(AgentMessage.fromPartial({ hello: { agentVersion: '1' } }));
    try {
      for await (const { redis, resync } of stream as AsyncIterable<ControllerMessage>) {
        if (redis !== undefined) return redis;
        // Access is given after the agent has answered.
        if (resync !== undefined) stream.write(AgentMessage.fromPartial({ snapshot: { last: true } }));
      }
      throw new Error('the stream ended without access');
    } finally {
      stream.on('error', () => undefined).cancel();
      connection.close();
    }
  }

  async ops(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.ops ?? 0}/${path}`);
    return { status: response.status, text: await response.text() };
  }

  /** The number of volumes in the controller's view. */
  async volumeCount(): Promise<number> {
    const { text } = await this.ops('metrics');
    return Number(/^certfleet_controller_index_volumes (\d+)$/m.exec(text)?.[1]);
  }

  /** Requests the renewal of one volume, as an operator does. */
  async requestRenewal(volumeId: string): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.#ports.api ?? 0}/api/v1/renewals`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ selection: { volumeId }, reason: 'test' }),
    });
    if (response.status !== 202) throw new Error(`expected 202, found ${response.status}: ${await response.text()}`);
  }

  #access(node: string): ControllerAccess {
    return agentAccess(this.#directory, 'fleet.sock', node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectToController } from '../../../apps/node-agent/src/fleet/controller-client.ts';
import type { ControllerAccess, ControllerConnection } from '../../../apps/node-agent/src/fleet/controller-client.ts';
import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { FleetVolumes } from '../../../apps/node-agent/src/fleet/fleet-volumes.ts';
import { runCli } from '../../../apps/renewal-controller/src/cli/run-cli.ts';
import { readConfig } from '../../../apps/renewal-controller/src/config.ts';
import { Controller } from '../../../apps/renewal-controller/src/controller.ts';
import { AgentMessage, VolumeReport } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import type { Describe } from '../../../libs/shared/gen/fleet/v1/fleet.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { agentAccess, startLink, writeAgentTokens } from './agent-links.ts';
import { eventually } from './eventually.ts';
import type { FleetRedis } from './whole-fleet.ts';

export type ReplicaName = 'one' | 'two';

/** A response of the API: status and JSON. */
export interface Answer {
  readonly status: number;
  readonly message?: string;
  readonly [field: string]: unknown;
}

/** An agent that a test controls message by message. */
export interface RawAgent {
  readonly connection: ControllerConnection;
  /** Sends any message on the stream. */
  send(message: Parameters<typeof AgentMessage.fromPartial>[0]): void;
  /** The questions received, in order. */
  readonly questions: readonly Describe[];
}

/** Two controllers on one Redis, and agents' links to either, in this process. */
export class TwoReplicas implements AsyncDisposable {
  readonly log: string[] = [];
  readonly directory = mkdtempSync(join(tmpdir(), 'certfleet-two-'));
  readonly #tokens = writeAgentTokens(this.directory, ['node-a', 'node-b', 'node-x']);
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #logger = createLogger(2, { write: (line: string) => void this.log.push(line) });
  readonly #apiPorts = new Map<ReplicaName, number>();

  static async start(redis: FleetRedis): Promise<TwoReplicas> {
    const fleet = new TwoReplicas();
    for (const name of ['one', 'two'] as const) await fleet.#startReplica(name, redis);
    return fleet;
  }

  readonly controllers = new Map<ReplicaName, Controller>();

  async #startReplica(name: ReplicaName, redis: FleetRedis): Promise<void> {
    const argv = [
      ...redis.flags,
      `--fleet-bind-address=unix://${join(this.directory, `${name}.sock`)}`,
      `--agent-token-file=${this.#tokens}`,
      `--intent-directory=${join(this.directory, 'intent')}`,
      '--api-auth=none',
      '--api-bind-address=127.0.0.1:0',
      '--ops-bind-address=127.0.0.1:0',
      '--heartbeat-interval=1s',
      `--replica-name=${name}`,
    ];
    const log = this.#logger;
    const controller = new Controller({ config: readConfig(argv, {}), env: {}, clock: systemClock, log });
    const { api = 0, ops = 0 } = await controller.start();
    this.#ends.push(() => controller.stop());
    this.controllers.set(name, controller);
    this.#apiPorts.set(name, api);
    await eventually(`replica ${name} to be ready`, async () => {
      const { status } = await fetch(`http://127.0.0.1:${ops}/readyz`);
      return status === 200;
    });
  }

  /** The agent of a node, connected to one of the replicas. */
  link(replica: ReplicaName, node: string, volumes: FleetVolumes): FleetLink {
    const access = this.#access(replica, node);
    const link = startLink({ access, volumes, concurrentJobs: 1, log: this.#logger });
    this.#ends.push(() => link.stop());
    return link;
  }

  /** An agent that reports these volumes and then sends the test's messages. */
  async rawAgent(replica: ReplicaName, node: string, volumeIds: readonly string[]): Promise<RawAgent> {
    const connection = await connectToController(this.#access(replica, node));
    const questions: Describe[] = [];
    connection.stream.on('data', ({ describe }: { readonly describe?: Describe }) => {
      if (describe !== undefined) questions.push(describe);
    });
    connection.stream.on('error', () => undefined);
    const send: RawAgent['send'] = (message) => void connection.stream.write(AgentMessage.fromPartial(message));
    send({ hello: { agentVersion: '0.1.0' } });
    send({ snapshot: { volumes: volumeIds.map((volumeId) => VolumeReport.fromPartial({ volumeId })), last: true } });
    const beat = setInterval(() => send({ heartbeat: {} }), 500);
    this.#ends.push(() => {
      clearInterval(beat);
      connection.stream.cancel();
      connection.close();
      return Promise.resolve();
    });
    return { connection, send, questions };
  }

  async api(replica: ReplicaName, path: string): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.apiPort(replica)}/api/v1/${path}`);
    return { ...((await response.json()) as object), status: response.status };
  }

  apiPort(replica: ReplicaName): number {
    return this.#apiPorts.get(replica) ?? 0;
  }

  /** Sends a raw request. @returns the status of the response */
  async raw(replica: ReplicaName, method: string, path: string, body?: string): Promise<number> {
    const headers = { 'content-type': 'application/json' };
    const sent = { method, ...(body === undefined ? {} : { body, headers }) };
    return (await fetch(`http://127.0.0.1:${this.apiPort(replica)}/api/v1/${path}`, sent)).status;
  }

  /** Waits until a replica's view contains a volume and the replica to which its node is connected. */
  async untilKnown(replica: ReplicaName, node: string, volumeId: string): Promise<void> {
    await eventually(`replica ${replica} to know ${volumeId}`, async () => {
      const { volumes } = await this.api(replica, `volumes?node=${node}`);
      return (volumes as readonly { volumeId: string }[]).some((volume) => volume.volumeId === volumeId);
    });
  }

  /** Runs the command line against a replica. */
  async cli(replica: ReplicaName, ...argv: readonly string[]): Promise<{ code: number; out: string; errors: string }> {
    let [out, errors] = ['', ''];
    const code = await runCli({
      argv: [...argv, `--server=http://127.0.0.1:${this.apiPort(replica)}`],
      env: {},
      clock: systemClock,
      print: (text) => void (out += text),
      printError: (text) => void (errors += text),
    });
    return { code, out, errors };
  }

  #access(replica: ReplicaName, node: string): ControllerAccess {
    return agentAccess(this.directory, `${replica}.sock`, node);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

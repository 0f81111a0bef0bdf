import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FleetLink } from '../../../apps/node-agent/src/fleet/fleet-link.ts';
import type { MemoryVolumes } from '../../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { readConfig } from '../../../apps/renewal-controller/src/config.ts';
import { Controller } from '../../../apps/renewal-controller/src/controller.ts';
import type { ControllerPorts } from '../../../apps/renewal-controller/src/controller.ts';
import { systemClock } from '../../../libs/shared/src/clock.ts';
import { createLogger } from '../../../libs/shared/src/logger.ts';
import { startRedisServer } from '../../support/redis-server.ts';
import type { RedisServer } from '../../support/redis-server.ts';
import { agentAccess, startLink, writeAgentTokens } from './agent-links.ts';

const defaultFlags = ['--api-auth=none', '--heartbeat-interval=1s'];

/** A complete controller on a real Redis with agents' links, all in this process. */
export class ControllerFixture implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'certfleet-controller-'));
  readonly log: string[] = [];
  readonly redis: RedisServer;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #logger = createLogger(2, { write: (line: string) => void this.log.push(line) });
  readonly #links = new Map<string, FleetLink>();
  /** Controllers in order of their start. */
  readonly controllers: Controller[] = [];
  ports: ControllerPorts = { fleet: 0, api: undefined, ops: undefined };

  private constructor(redis: RedisServer) {
    this.redis = redis;
  }

  /** @param nodes names of the nodes that may connect */
  static async start(nodes: readonly string[] = ['node-a']): Promise<ControllerFixture> {
    const fixture = new ControllerFixture(await startRedisServer());
    writeAgentTokens(fixture.directory, nodes);
    return fixture;
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.api ?? 0}`;
  }

  /** Starts a controller; a later one uses the ports of one that was stopped. */
  async startController(flags: readonly string[] = defaultFlags): Promise<Controller> {
    const argv = [
      `--redis-url=${this.redis.url}`,
      `--fleet-bind-address=unix://${join(this.directory, 'fleet.sock')}`,
      `--agent-token-file=${join(this.directory, 'tokens')}`,
      `--intent-directory=${join(this.directory, 'intent')}`,
      `--api-bind-address=127.0.0.1:${this.ports.api ?? 0}`,
      '--ops-bind-address=127.0.0.1:0',
      ...flags,
    ];
    const controller = new Controller({ config: readConfig(argv, {}), env: {}, clock: systemClock, log: this.#logger });
    this.ports = await controller.start();
    this.controllers.push(controller);
    this.#ends.push(() => controller.stop());
    return controller;
  }

  startAgent(volumes: MemoryVolumes, node = 'node-a'): FleetLink {
    const access = agentAccess(this.directory, 'fleet.sock', node);
    const link = startLink({ access, volumes, concurrentJobs: 2, log: this.#logger });
    this.#links.set(node, link);
    this.#ends.push(() => link.stop());
    return link;
  }

  /** Closes a node's link, as when its agent is gone. */
  async stopAgent(node: string): Promise<void> {
    await this.#links.get(node)?.stop();
  }

  async api<T>(path: string, init?: { readonly method: string; readonly body?: unknown }): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`, {
      method: init?.method ?? 'GET',
      ...(init?.body === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(init.body) }),
    });
    return { status: response.status, ...((await response.json()) as object) } as T;
  }

  async ops(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.ports.ops ?? 0}/${path}`);
    return { status: response.status, text: await response.text() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end();
    await this.redis.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import type { FleetLink } from '../../apps/node-agent/src/fleet/fleet-link.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { startControllerProcess } from '../fleet/simulation/controller-process.ts';
import type { ControllerProcess } from '../fleet/simulation/controller-process.ts';
import { agentAccess, startLink, writeAgentTokens } from '../fleet/support/agent-links.ts';
import { reportOf } from '../fleet/support/volume-report.ts';
import { startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';

const nodes = Array.from({ length: 100 }, (_, i) => `worker-${String(i).padStart(3, '0')}`);
const perNode = 1_000;
const volumesOfWorld = nodes.length * perNode;
const hourMs = 3_600_000;
const seedLimitMs = 600_000;

/** The bundled controller with 100,000 volumes, reported by the links of 100 agents in this process. */
export class PageWorld implements AsyncDisposable {
  readonly controller: ControllerProcess;
  readonly #redis: RedisServer;
  readonly #directory: string;
  readonly #links: readonly FleetLink[];
  readonly #volumes: readonly MemoryVolumes[];

  private constructor(parts: {
    controller: ControllerProcess;
    redis: RedisServer;
    directory: string;
    volumes: readonly MemoryVolumes[];
  }) {
    this.controller = parts.controller;
    this.#redis = parts.redis;
    this.#directory = parts.directory;
    this.#volumes = parts.volumes;
    const log = createLogger(0, { write: () => undefined });
    this.#links = nodes.map((node, i) =>
      startLink({
        access: agentAccess(parts.directory, 'fleet.sock', node),
        volumes: parts.volumes[i] ?? new MemoryVolumes(),
        concurrentJobs: 2,
        log,
      }),
    );
  }

  static async start(): Promise<PageWorld> {
    const directory = mkdtempSync(join(tmpdir(), 'certfleet-bench-page-'));
    const redis = await startRedisServer();
    const controller = await startControllerProcess('bundle', [
      `--redis-url=${redis.url}`,
      `--fleet-bind-address=unix://${join(directory, 'fleet.sock')}`,
      `--agent-token-file=${writeAgentTokens(directory, nodes)}`,
      `--intent-directory=${join(directory, 'intent')}`,
      ...['--api-auth=none', '--api-bind-address=127.0.0.1:0', '--ops-bind-address=127.0.0.1:0', '--api-rate-limit=0'],
    ]);
    const world = new PageWorld({ controller, redis, directory, volumes: nodes.map((_, i) => volumesOf(i)) });
    await world.#untilSeeded();
    return world;
  }

  get url(): string {
    return `http://127.0.0.1:${this.controller.apiPort ?? 0}`;
  }

  async ask<T>(path: string, method = 'GET', body?: object): Promise<T> {
    const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${this.url}/api/v1/${path}`, { method, ...content });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Reports five changed volumes a second until it is stopped. @returns what stops it */
  change(): () => void {
    let count = 0;
    const timer = setInterval(() => {
      const node = (count * 37) % nodes.length;
      const place = (count * 7919) % perNode;
      this.#volumes[node]?.set(idOf(node, place), reportAt(node, place, 2 + count));
      count += 1;
    }, 200);
    return () => clearInterval(timer);
  }

  async #untilSeeded(): Promise<void> {
    const endMs = performance.now() + seedLimitMs;
    for (;;) {
      const { volumes } = await this.ask<{ readonly volumes: number }>('summary');
      if (volumes === volumesOfWorld) return;
      if (performance.now() > endMs) throw new Error(`expected ${volumesOfWorld} volumes, found ${volumes}`);
      await sleep(500);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) await link.stop();
    await this.controller.stop();
    await this.#redis.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

const idOf = (node: number, place: number): string => `csi-${node}-${place}`;

/** A volume of one of three regions, 21 namespaces and five issuers, due over the next weeks. */
function reportAt(node: number, place: number, generation = 1) {
  return reportOf(idOf(node, place), {
    namespace: `region-${place % 3}-team-${place % 7}`,
    pod: `app-${place % 50}-${node}-${place}`,
    issuer: `issuer-${place % 5}`,
    generation,
    dueInMs: (1 + ((place * 7919) % 500)) * hourMs,
    expiresInMs: (300 + ((place * 7919) % 500)) * hourMs,
  });
}

function volumesOf(node: number): MemoryVolumes {
  const volumes = new MemoryVolumes();
  for (let place = 0; place < perNode; place += 1) volumes.set(idOf(node, place), reportAt(node, place));
  return volumes;
}

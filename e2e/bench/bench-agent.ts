import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';
import type { Forward } from '../cluster/forward.ts';
import { lastLines, waitUntil } from '../cluster/wait.ts';
import type { Algorithm, BenchCluster } from './bench-cluster.ts';
import { BareCsiCaller } from './bare-csi-caller.ts';
import type { PreparedCall } from './bare-csi-caller.ts';
import { MountNamespace } from './mount-namespace.ts';
import { cpuSecondsOf, memoryOf } from './process-usage.ts';
import type { ProcessMemory } from './process-usage.ts';
import { timed } from './timings.ts';
import type { Timings } from './timings.ts';

const bundle = resolve(import.meta.dirname, '../../apps/node-agent/dist/agent/agent.js');
/** The node of the benchmark's agents. */
export const benchNode = 'bench-node';
/** As in the image: the node-agent stage of the Dockerfile. */
const nodeFlags = ['--max-semi-space-size=4', '--initial-heap-size=64', '--expose-gc'];
const imageEnv = { NODE_ENV: 'production', UV_THREADPOOL_SIZE: '8' };

let agents = 0;

/** The bundled agent as it runs in its pod; this process replaces the kubelet. */
export class BenchAgent {
  readonly #bench: BenchCluster;
  readonly #namespace: MountNamespace;
  readonly #directory: string;
  readonly #child: ChildProcess;
  /** Registered at the start, so that an agent that exits early does not block stop(). */
  readonly #closed: Promise<unknown>;
  readonly #caller: BareCsiCaller;
  #forwards: readonly Forward[] = [];

  private constructor(bench: BenchCluster, namespace: MountNamespace, moreFlags: readonly string[]) {
    this.#bench = bench;
    this.#namespace = namespace;
    this.#directory = namespace.directory;
    const flags = [
      `--node-id=${benchNode}`,
      `--endpoint=unix://${this.#socketPath}`,
      `--data-root=${join(this.#directory, 'data')}`,
      '--metrics-bind-address=127.0.0.1:0',
      '--health-bind-address=127.0.0.1:0',
      ...moreFlags,
    ];
    const [file = '', ...args] = [...namespace.enter, process.execPath, ...nodeFlags, bundle, ...flags];
    const { host, port } = bench.access;
    const env = { ...imageEnv, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port };
    const log = openSync(this.#logPath, 'w');
    this.#child = spawn(file, args, { stdio: ['ignore', log, 'inherit'], env: { PATH: process.env['PATH'], ...env } });
    closeSync(log);
    this.#closed = once(this.#child, 'close');
    this.#caller = new BareCsiCaller(this.#socketPath);
  }

  static async start(bench: BenchCluster, flags: readonly string[] = []): Promise<BenchAgent> {
    const directory = join(bench.cluster.directory, `agent-${(agents += 1)}`);
    mkdirSync(directory);
    return await BenchAgent.#startIn(bench, await MountNamespace.start(bench, directory), flags);
  }

  static async #startIn(bench: BenchCluster, namespace: MountNamespace, flags: readonly string[]): Promise<BenchAgent> {
    const agent = new BenchAgent(bench, namespace, flags);
    const { metrics, health } = await agent.#listening();
    agent.#forwards = [
      await bench.cluster.forward(metrics, '127.0.0.1'),
      await bench.cluster.forward(health, '127.0.0.1'),
    ];
    return agent;
  }

  /** The next agent of the same node, after this one has ended; it restores the volumes. */
  async restarted(flags: readonly string[]): Promise<BenchAgent> {
    await this.#end();
    return await BenchAgent.#startIn(this.#bench, this.#namespace, flags);
  }

  /** New volumes for this agent. */
  volumes(algorithm: Algorithm, count: number): readonly InlineVolume[] {
    const directory = join(this.#directory, 'pods');
    const volumes = this.#bench.volumes(algorithm, count, directory);
    // The kubelet creates a target's parent before it calls.
    for (const { targetPath } of volumes) mkdirSync(join(targetPath, '..'), { recursive: true });
    return volumes;
  }

  publish(volumes: readonly InlineVolume[], concurrency: number): Promise<Timings> {
    return allOf(
      volumes.map((volume) => this.#caller.publish(volume)),
      concurrency,
    );
  }

  unpublish(volumes: readonly InlineVolume[], concurrency: number): Promise<Timings> {
    return allOf(
      volumes.map((volume) => this.#caller.unpublish(volume)),
      concurrency,
    );
  }

  async metric(name: string): Promise<number> {
    const page = await this.#get(0, '/metrics');
    return Number(new RegExp(`^certfleet_agent_${name} (\\S+)$`, 'm').exec(page)?.[1]);
  }

  volumeCount(): Promise<number> {
    return this.#sum(/^certfleet_agent_volumes\{.*\} (\S+)$/gm);
  }

  /** Resolves after it has written the events of its mounts, which would affect the next measurement. */
  async untilEventsWritten(): Promise<void> {
    const written = (): Promise<number> => this.#sum(/^\S+_api_requests_total\{.*resource="events".*\} (\S+)$/gm);
    for (let [before, now] = [-1, await written()]; now !== before; [before, now] = [now, await written()])
      await sleep(2_000);
  }

  /** Calls the health or readiness check like the kubelet's probes. */
  async probe(path: '/healthz' | '/readyz'): Promise<void> {
    await this.#get(1, path);
  }

  get memory(): ProcessMemory {
    return memoryOf(this.#pid);
  }

  get cpuSeconds(): number {
    return cpuSecondsOf(this.#pid);
  }

  async stop(): Promise<void> {
    await this.#end();
    await this.#namespace.stop();
    rmSync(this.#directory, { recursive: true });
  }

  async #end(): Promise<void> {
    this.#caller.close();
    this.#child.kill('SIGTERM');
    await this.#closed;
    await Promise.all(this.#forwards.map((forward) => forward.close()));
  }

  get #socketPath(): string {
    return join(this.#directory, 'csi.sock');
  }

  /** Its log is a file, as with a container runtime. */
  get #logPath(): string {
    return join(this.#directory, 'agent.log');
  }

  get #pid(): number {
    if (this.#child.pid === undefined) throw new Error('expected a running agent');
    return this.#child.pid;
  }

  /** The sum of the series whose value is the pattern's group. */
  async #sum(series: RegExp): Promise<number> {
    const page = await this.#get(0, '/metrics');
    return [...page.matchAll(series)].reduce((sum, [, value]) => sum + Number(value), 0);
  }

  async #get(forward: number, path: string): Promise<string> {
    // A new connection each time, as probes and most scrapers use.
    const response = await fetch(`http://127.0.0.1:${this.#forwards[forward]?.port ?? 0}${path}`, {
      headers: { connection: 'close' },
    });
    if (!response.ok) throw new Error(`expected status 200 of ${path}, found ${response.status}`);
    return response.text();
  }

  /** Waits for the log line with its addresses. */
  async #listening(): Promise<{ metrics: number; health: number }> {
    const line = (): string | undefined => /^.*"msg":"listening".*$/m.exec(readFileSync(this.#logPath, 'utf8'))?.[0];
    const hasEnded = (): boolean => this.#child.exitCode !== null || this.#child.signalCode !== null;
    const isDecided = (): Promise<boolean> => Promise.resolve(line() !== undefined || hasEnded());
    const explain = (): Promise<string> => lastLines(this.#logPath);
    await waitUntil('the agent to listen', isDecided, { timeoutMs: 30_000, explain });
    const found = line();
    if (found === undefined) throw new Error(`the agent ended:\n${await explain()}`);
    return JSON.parse(found) as { metrics: number; health: number };
  }
}

function allOf(calls: readonly PreparedCall[], concurrency: number): Promise<Timings> {
  return timed(calls.length, concurrency, (index) => calls[index]?.() ?? Promise.resolve());
}

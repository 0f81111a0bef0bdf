import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommandResult } from '../cluster/command.ts';
import { waitUntil } from '../cluster/wait.ts';
import type { DockerEngine } from '../docker/docker-engine.ts';

const file = join(import.meta.dirname, '../../docker-compose.test.yml');
const project = 'certfleet';

/** A volume as shown by `certfleet list -o json`. */
export interface ListedVolume {
  readonly volumeId: string;
  readonly node: string;
  readonly pod: string;
  readonly state: string;
  readonly generation: number;
  readonly notAfter?: string;
}

/** The services of docker-compose.test.yml. */
export class ComposeFleet {
  readonly #engine: DockerEngine;
  /** The first process of each service's container; asking for it starts a process. */
  readonly #pids = new Map<string, Promise<string>>();

  constructor(engine: DockerEngine) {
    this.#engine = engine;
  }

  /** Runs docker-compose on the file. */
  compose(...args: readonly string[]): Promise<CommandResult> {
    return this.#engine.run(['docker-compose', '--file', file, '--project-name', project, ...args]);
  }

  async docker(...args: readonly string[]): Promise<string> {
    return (await this.#engine.run(['docker', ...args])).stdout.trim();
  }

  /** Runs a command in a service's container, without `docker-compose exec`, which takes a second. */
  exec(service: string, ...command: readonly string[]): Promise<string> {
    return this.docker('exec', containerOf(service), ...command);
  }

  /** A file as the processes of a service see it that has not been restarted. */
  async read(service: string, path: string): Promise<string> {
    const pid = this.#pids.get(service) ?? this.docker('inspect', '--format', '{{.State.Pid}}', containerOf(service));
    this.#pids.set(service, pid);
    return readFile(join('/proc', await pid, 'root', path), 'utf8');
  }

  /** Ends a service at once; `start` starts it again. */
  async kill(service: string): Promise<void> {
    await this.docker('kill', containerOf(service));
  }

  async start(service: string): Promise<void> {
    await this.docker('start', containerOf(service));
  }

  /** Asks a service to exit and waits for it. */
  async stop(service: string, limitSeconds: number): Promise<void> {
    await this.docker('stop', `--time=${limitSeconds}`, containerOf(service));
  }

  /** Waits until these services' health checks pass. */
  async healthy(...services: readonly string[]): Promise<void> {
    const format = '{{.State.Health.Status}}';
    const states = (): Promise<string> => this.docker('inspect', '--format', format, ...services.map(containerOf));
    const isSo = async (): Promise<boolean> => (await states()).split('\n').every((state) => state === 'healthy');
    const explain = async (): Promise<string> => {
      const { stdout } = await this.compose('logs', '--no-color', '--tail=20');
      return `${await states()}\n${stdout}`;
    };
    await waitUntil(`${services.join(', ')} to be healthy`, isSo, { timeoutMs: 60_000, intervalMs: 300, explain });
  }

  /** Exit codes of the services' containers: 137 when they had to be killed. */
  async exitCodes(...services: readonly string[]): Promise<readonly number[]> {
    const codes = await this.docker('inspect', '--format', '{{.State.ExitCode}}', ...services.map(containerOf));
    return codes.split('\n').map(Number);
  }

  /** The volumes that the controller's command line lists. */
  async list(): Promise<readonly ListedVolume[]> {
    const answer = await this.exec('controller', 'certfleet', 'list', '-o', 'json');
    return (JSON.parse(answer) as { readonly volumes: readonly ListedVolume[] }).volumes;
  }

  /** A sample of the controller's metrics from its published port; 0 when it is missing. */
  async metric(sample: string): Promise<number> {
    const { stdout } = await this.#engine.run(['curl', '--silent', '--fail', 'http://127.0.0.1:9402/metrics']);
    const line = stdout.split('\n').find((each) => each.startsWith(`${sample} `));
    return line === undefined ? 0 : Number(line.slice(sample.length));
  }

  /** Whether the controller reports that it runs without Redis. */
  async isDegraded(): Promise<boolean> {
    const { stdout } = await this.#engine.run(['curl', '--silent', '--fail', 'http://127.0.0.1:9402/readyz']);
    return stdout.includes('degraded');
  }

  csiSocket(agent: string): string {
    return this.#engine.volumePath(`${project}_${agent}-csi`, 'csi.sock');
  }

  /** The remaining objects in the engine: containers, volumes, and networks except the engine's own. */
  async remains(): Promise<string[]> {
    const found = await Promise.all([
      this.docker('ps', '--all', '--quiet'),
      this.docker('volume', 'ls', '--quiet'),
      this.docker('network', 'ls', '--quiet', '--filter', 'type=custom'),
    ]);
    return found.filter((ids) => ids !== '');
  }
}

function containerOf(service: string): string {
  return `${project}_${service}_1`;
}

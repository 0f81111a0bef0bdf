import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../../cluster/wait.ts';
import { freePort } from '../../support/redis-server.ts';
import { rulesFile } from './chart-rules.ts';
import type { AlertRule } from './chart-rules.ts';

/** A scrape job with its targets, each an address with the labels that a PodMonitor would add. */
export interface ScrapeJob {
  readonly job: string;
  readonly targets: readonly { readonly address: string; readonly labels: Readonly<Record<string, string>> }[];
}

/** A series with its current value. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** A pending or firing alert. */
export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: 'pending' | 'firing';
}

/** A real Prometheus on a free loopback port, with its data in a separate directory; scrapes every second. */
export class PrometheusServer implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'certfleet-prometheus-'));
  readonly #port: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = '';

  private constructor(port: number, jobs: readonly ScrapeJob[], rules: readonly AlertRule[]) {
    this.#port = port;
    writeFileSync(join(this.#directory, 'rules.json'), rulesFile(rules));
    writeFileSync(join(this.#directory, 'prometheus.json'), configuration(jobs));
    const flags = [
      `--config.file=${join(this.#directory, 'prometheus.json')}`,
      `--storage.tsdb.path=${join(this.#directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    // A killed test must not leave it running.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', 'prometheus', ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#exited = once(this.#child, 'exit');
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
  }

  /** Starts Prometheus and waits until it is ready. */
  static async start(jobs: readonly ScrapeJob[], rules: readonly AlertRule[]): Promise<PrometheusServer> {
    const server = new PrometheusServer(await freePort(), jobs, rules);
    await waitUntil('Prometheus to be ready', () => server.#isReady(), {
      timeoutMs: 30_000,
      explain: () => Promise.resolve(server.#output),
    });
    return server;
  }

  /** The current series of a query. Rejects with Prometheus' message for an invalid query. */
  async query(expr: string): Promise<readonly Sample[]> {
    const { result } = (await this.#get(`query?${new URLSearchParams({ query: expr }).toString()}`)) as {
      readonly result: readonly Sample[];
    };
    return result;
  }

  /** All pending or firing alerts. */
  async alerts(): Promise<readonly ActiveAlert[]> {
    return ((await this.#get('alerts')) as { readonly alerts: readonly ActiveAlert[] }).alerts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`Prometheus exited:\n${this.#output}`);
    return fetch(`http://127.0.0.1:${this.#port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async #get(path: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/api/v1/${path}`);
    const body = (await response.json()) as {
      readonly status: string;
      readonly error?: string;
      readonly data?: unknown;
    };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error ?? 'no reason given'}`);
    return body.data;
  }
}

function configuration(jobs: readonly ScrapeJob[]): string {
  return JSON.stringify({
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.json'],
    scrape_configs: jobs.map(({ job, targets }) => ({
      job_name: job,
      static_configs: targets.map(({ address, labels }) => ({ targets: [address], labels })),
    })),
  });
}

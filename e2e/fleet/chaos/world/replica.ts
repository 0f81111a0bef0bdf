import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { addresses } from './network.ts';
import { redisPort } from './redis-pair.ts';
import { controllerPrograms } from '../../simulation/controller-process.ts';

/** The used fields of a row of the operators' table. */
export interface ShownVolume {
  readonly node: string;
  readonly volumeId: string;
  readonly issuer: string;
  readonly generation: number;
  readonly notAfter?: string;
}

/** A response of a replica's API. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ReplicaOptions {
  readonly index: number;
  readonly directory: string;
  readonly flags: readonly string[];
  readonly onLog: (line: string) => void;
}

const libraries = ['/usr/lib/x86_64-linux-gnu/faketime', '/usr/lib/aarch64-linux-gnu/faketime'];
const libfaketime = libraries.map((path) => join(path, 'libfaketime.so.1')).find((path) => existsSync(path));

/** Whether clocks of replicas can be shifted on this machine: Debian's package `libfaketime`. */
export const canShiftClocks = libfaketime !== undefined;

const apiTimeoutMs = 15_000;
const metricsTimeoutMs = 3_000;
const reconnectMs = 5_000;

/** A controller in a child process, whose wall clock can be shifted while it runs. */
export class Replica {
  readonly index: number;
  readonly fleetPort: number;
  readonly #options: ReplicaOptions;
  readonly #clockFile: string;
  readonly #apiPort: number;
  readonly #opsPort: number;
  #child: ChildProcess | undefined;
  #isFrozen = false;
  #cutOffUntilMs = -Infinity;

  constructor(options: ReplicaOptions) {
    const { index, directory } = options;
    this.#options = options;
    this.index = index;
    this.fleetPort = 8443 + index;
    this.#apiPort = 8081 + index;
    this.#opsPort = 9402 + index;
    this.#clockFile = join(directory, `clock-${index}`);
    this.shiftClock(0);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get isAlive(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Notes that its packets to Redis are dropped, until the returned function is called and it could connect again. */
  cutOff(): () => void {
    this.#cutOffUntilMs = Infinity;
    return () => (this.#cutOffUntilMs = Date.now() + reconnectMs);
  }

  /** Whether it has no connection to Redis, and therefore no writes that Redis can lose. */
  get isCutOff(): boolean {
    return Date.now() < this.#cutOffUntilMs;
  }

  /** Whether it runs and is not frozen. */
  get isServing(): boolean {
    return this.isAlive && !this.#isFrozen;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { index, flags, onLog } = this.#options;
    const own = [
      `--redis-url=redis://${addresses.redisOf(index)}:${redisPort}`,
      `--fleet-bind-address=0.0.0.0:${this.fleetPort}`,
      `--api-bind-address=127.0.0.1:${this.#apiPort}`,
      `--ops-bind-address=127.0.0.1:${this.#opsPort}`,
      `--replica-name=replica-${index}`,
    ];
    const child = spawn(process.execPath, [...controllerPrograms.sources(), ...flags, ...own], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#clockEnv() },
    });
    this.#child = child;
    const listening = Promise.withResolvers<void>();
    createInterface(child.stdout).on('line', (line) => {
      onLog(line);
      if (line.includes('"listening"')) listening.resolve();
    });
    createInterface(child.stderr).on('line', onLog);
    child.once('exit', (code, signal) => {
      onLog(`replica ended: ${String(code)} ${String(signal)}`);
      listening.reject(new Error(`replica ${index} exited before it listened`));
    });
    await listening.promise;
  }

  /** Shifts its wall clock within a second; monotonic time does not change. */
  shiftClock(offsetMs: number): void {
    writeFileSync(this.#clockFile, `${offsetMs < 0 ? '-' : '+'}${Math.abs(offsetMs) / 1000}s\n`);
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#child?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#isFrozen = false;
    this.#child?.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#isFrozen = false;
    await this.#end('SIGKILL');
  }

  /** Stops it like Kubernetes does. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async api(method: string, path: string, body?: object): Promise<ApiAnswer> {
    return await askOverTls(`https://127.0.0.1:${this.#apiPort}/api/v1/${path}`, method, body);
  }

  /** All volumes of its view. */
  async view(): Promise<readonly ShownVolume[]> {
    const { body } = await this.api('GET', 'volumes/export?format=json');
    return body as unknown as readonly ShownVolume[];
  }

  async metrics(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#opsPort}/metrics`, {
      signal: AbortSignal.timeout(metricsTimeoutMs),
    });
    return await response.text();
  }

  async isReady(): Promise<boolean> {
    const signal = AbortSignal.timeout(2_000);
    const answer = await fetch(`http://127.0.0.1:${this.#opsPort}/readyz`, { signal }).catch(() => undefined);
    return answer?.status === 200;
  }

  #clockEnv(): NodeJS.ProcessEnv {
    if (libfaketime === undefined) return {};
    return {
      LD_PRELOAD: libfaketime,
      FAKETIME_TIMESTAMP_FILE: this.#clockFile,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_CACHE_DURATION: '1',
    };
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (!this.isAlive || this.#child === undefined) return;
    this.#child.kill(signal);
    if (signal === 'SIGTERM') this.#child.kill('SIGCONT');
    await once(this.#child, 'exit');
  }
}

/** The certificate is for the names that agents use, and the server is known to be the right one here. */
async function askOverTls(url: string, method: string, body: object | undefined): Promise<ApiAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const sent = request(url, {
    method,
    rejectUnauthorized: false,
    signal: AbortSignal.timeout(apiTimeoutMs),
    headers: text === undefined ? {} : { 'content-type': 'application/json' },
  });
  sent.end(text);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let answer = '';
  for await (const chunk of response.setEncoding('utf8')) answer += String(chunk);
  return { status: response.statusCode ?? 0, body: JSON.parse(answer) as ApiAnswer['body'] };
}

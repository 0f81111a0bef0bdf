import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

import { lastLines, waitUntil } from './wait.ts';

/** A probe may start a process; more of them would delay the component that they wait for. */
const probeEveryMs = 100;

/** How to run a component of a cluster and how to check that it is ready. */
export interface ComponentSpec {
  readonly name: string;
  readonly logFile: string;
  /** argv prefix that selects the namespaces of the process. */
  readonly prefix: readonly string[];
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Resolves with true when the component serves. */
  readonly isReady: () => Promise<boolean>;
  /** Timeout of start() and of stop(), 60,000 by default. */
  readonly timeoutMs?: number;
  /** Starts it again when it exits by itself, as a kubelet does with its static pods; off by default. */
  readonly isRestarted?: boolean;
}

const maxRestarts = 5;

/** A process of the cluster that tests may stop and restart. Its state on disk stays between runs. */
export class Component {
  readonly name: string;
  readonly logFile: string;
  readonly #spec: ComponentSpec;
  readonly #timeoutMs: number;
  #process: ChildProcess | null = null;
  #isEnding = false;
  #restartsLeft = 0;

  constructor(spec: ComponentSpec) {
    this.name = spec.name;
    this.logFile = spec.logFile;
    this.#spec = spec;
    this.#timeoutMs = spec.timeoutMs ?? 60_000;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Starts the process with additional flags for this run, and resolves when it is ready. */
  async start(extraArgs: readonly string[] = []): Promise<void> {
    this.spawn(extraArgs);
    await this.ready();
    if (this.#spec.isRestarted === true) this.#restartsLeft = maxRestarts;
  }

  /** Starts the process without waiting for it. */
  spawn(extraArgs: readonly string[] = []): void {
    if (this.#process !== null) throw new Error(`${this.name} is already running`);
    const { prefix, argv, env = {} } = this.#spec;
    const [file = '', ...args] = [...prefix, ...argv, ...extraArgs];
    const log = openSync(this.logFile, 'a');
    // Its own session: Ctrl-C only reaches the test, which then stops its components in order.
    const child = spawn(file, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env }, detached: true });
    closeSync(log);
    this.#process = child;
    this.#isEnding = false;
    const forget = (): void => {
      if (this.#process === child) this.#process = null;
    };
    child.once('exit', () => {
      forget();
      if (this.#isEnding || this.#process !== null || this.#restartsLeft === 0) return;
      this.#restartsLeft -= 1;
      this.spawn(extraArgs);
    });
    child.once('error', forget);
    child.unref();
  }

  /** Resolves when the component serves; rejects at once if it exits first. */
  async ready(): Promise<void> {
    const explain = async (): Promise<string> => `last lines of ${this.logFile}:\n${await lastLines(this.logFile)}`;
    const isReady = async (): Promise<boolean> => {
      if (this.#process === null) throw new Error(`${this.name} exited before it was ready; ${await explain()}`);
      return this.#spec.isReady();
    };
    await waitUntil(`${this.name} to be ready`, isReady, {
      timeoutMs: this.#timeoutMs,
      intervalMs: probeEveryMs,
      explain,
    });
  }

  /** Asks the process to exit and waits for it. */
  stop(): Promise<void> {
    return this.kill('SIGTERM');
  }

  /** Sends a signal that ends the process and waits until it has exited. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#isEnding = true;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(this.#timeoutMs) });
    // A component does not keep this process running by default, but waiting for its exit must.
    child.ref();
    child.kill(signal);
    await ended.catch((error: unknown) => {
      throw new Error(`${this.name} did not exit within ${this.#timeoutMs} ms of ${signal}`, { cause: error });
    });
  }

  /** Sends a signal that does not end the process, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    if (this.#process?.kill(signal) !== true) throw new Error(`${this.name} is not running`);
  }

  /** Restarts the process, or starts it, with these additional flags. */
  async restart(extraArgs: readonly string[] = []): Promise<void> {
    await this.stop();
    await this.start(extraArgs);
  }
}

/** Creates components with a common log directory and argv prefix. */
export function componentIn(
  directory: string,
  prefix: readonly string[],
): (
  name: string,
  argv: readonly string[],
  isReady: () => Promise<boolean>,
  more?: Pick<ComponentSpec, 'env' | 'isRestarted'>,
) => Component {
  return (name, argv, isReady, more = {}) => {
    return new Component({ name, argv, isReady, prefix, logFile: join(directory, 'logs', `${name}.log`), ...more });
  };
}

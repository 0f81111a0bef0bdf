import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

import { lastLines, waitUntil } from './wait.ts';

/** How to run one component of a cluster and how to know that it serves. */
export interface ComponentSpec {
  readonly name: string;
  readonly logFile: string;
  /** argv prefix that puts the process where it belongs. */
  readonly prefix: readonly string[];
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Answers yes once the component does its work. */
  readonly isReady: () => Promise<boolean>;
  /** Limit for start() and for an orderly stop(); 60,000 unless told. */
  readonly timeoutMs?: number;
}

/** A process of the cluster that tests may end and start again. Its state on disk stays between runs. */
export class Component {
  readonly name: string;
  readonly logFile: string;
  readonly #spec: ComponentSpec;
  readonly #timeoutMs: number;
  #process: ChildProcess | null = null;

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

  /** Starts the process, with flags that hold for this run only, and resolves when it is ready. */
  async start(extraArgs: readonly string[] = []): Promise<void> {
    this.spawn(extraArgs);
    await this.ready();
  }

  /** Starts the process without waiting for it. */
  spawn(extraArgs: readonly string[] = []): void {
    if (this.#process !== null) throw new Error(`${this.name} runs already`);
    const { prefix, argv, env = {} } = this.#spec;
    const [file = '', ...args] = [...prefix, ...argv, ...extraArgs];
    const log = openSync(this.logFile, 'a');
    // A session of its own: Ctrl-C reaches the test alone, which then stops its components in order.
    const child = spawn(file, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env }, detached: true });
    closeSync(log);
    this.#process = child;
    const forget = (): void => {
      if (this.#process === child) this.#process = null;
    };
    child.once('exit', forget);
    child.once('error', forget);
    child.unref();
  }

  /** Resolves when the component serves; rejects at once if it ends before that. */
  async ready(): Promise<void> {
    const explain = async (): Promise<string> => `last lines of ${this.logFile}:\n${await lastLines(this.logFile)}`;
    const isReady = async (): Promise<boolean> => {
      if (this.#process === null) throw new Error(`${this.name} ended before it was ready; ${await explain()}`);
      return this.#spec.isReady();
    };
    await waitUntil(`${this.name} to be ready`, isReady, { timeoutMs: this.#timeoutMs, explain });
  }

  /** Asks the process to end and waits until it has. */
  stop(): Promise<void> {
    return this.kill('SIGTERM');
  }

  /** Sends a signal that ends the process and waits until it has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const ended = once(child, 'exit', { signal: AbortSignal.timeout(this.#timeoutMs) });
    // A component by itself keeps no process running; one that waits for its end must not run out before.
    child.ref();
    child.kill(signal);
    await ended.catch((error: unknown) => {
      throw new Error(`${this.name} did not end within ${this.#timeoutMs} ms of ${signal}`, { cause: error });
    });
  }

  /** Sends a signal that does not end the process, such as SIGSTOP and SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    if (this.#process?.kill(signal) !== true) throw new Error(`${this.name} does not run`);
  }

  /** Stops the process if it runs, and starts it with these flags added. */
  async restart(extraArgs: readonly string[] = []): Promise<void> {
    await this.stop();
    await this.start(extraArgs);
  }
}

/** Makes components of one place: a directory with their logs, and the argv prefix that puts them there. */
export function componentIn(
  directory: string,
  prefix: readonly string[],
): (name: string, argv: readonly string[], isReady: () => Promise<boolean>) => Component {
  return (name, argv, isReady) => {
    return new Component({ name, argv, isReady, prefix, logFile: join(directory, 'logs', `${name}.log`) });
  };
}

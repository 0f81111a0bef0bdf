import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { appBundle } from '../support/app-bundle.ts';
import type { TestNode } from './test-node.ts';

/** A start needs half a second of CPU, which a busy machine may delay. */
const startLimitMs = 240_000;

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Options for a start that differs from the node's defaults. */
export interface AgentStart {
  /** Appended to the node's flags; the last one of a name applies. */
  readonly flags?: readonly string[];
  /** Flags for Node itself. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Command and arguments that start the agent, for example in another namespace. */
  readonly through?: readonly string[];
}

/** The agent, with a local CA or with `--kubeconfig`, as a child process that ends at the latest with this process. */
export class AgentProcess {
  readonly #node: TestNode;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #closed: Promise<unknown>;
  readonly #listening: Promise<unknown>;
  #ports: LogLine | undefined;
  #output = '';

  private constructor(node: TestNode, { flags = [], nodeFlags = [], env = {}, through = [] }: AgentStart) {
    this.#node = node;
    const all = [...node.flags, ...flags];
    const isInCluster = all.some((flag) => flag.startsWith('--kubeconfig='));
    const program = isInCluster
      ? [appBundle('node-agent', 'main.ts')]
      : [appBundle('node-agent', 'local-ca/main.ts'), `--local-ca=${join(node.root, 'ca')}`];
    const agent = [process.execPath, ...nodeFlags, ...program, ...all];
    // An aborted test must not leave agents running.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...through, ...agent], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env },
    });
    this.#exited = once(this.#child, 'exit');
    this.#closed = once(this.#child, 'close');
    const text = { where: `agent ${this.#child.pid ?? 0}`, text: '' };
    node.texts.push(text);
    const collect = (chunk: string): void => void (text.text = this.#output += chunk);
    this.#child.stdout?.setEncoding('utf8').on('data', collect);
    this.#child.stderr?.setEncoding('utf8').on('data', collect);
    this.#listening = this.#logged('listening');
  }

  /** Starts an agent and waits until it listens. */
  static async start(node: TestNode, start: AgentStart = {}): Promise<AgentProcess> {
    const agent = new AgentProcess(node, start);
    await agent.listening();
    return agent;
  }

  /** Starts an agent without waiting; it may be killed during its start. */
  static launch(node: TestNode, start: AgentStart = {}): AgentProcess {
    return new AgentProcess(node, start);
  }

  /**
   * Waits until the agent listens.
   * @throws Error with its output when it does not start; the process is then ended
   */
  async listening(): Promise<void> {
    const tooLate = AbortSignal.timeout(startLimitMs);
    await Promise.race([this.#listening, this.#closed, once(tooLate, 'abort')]);
    this.#ports = this.logLines('listening')[0];
    if (this.#ports !== undefined) return;
    await this.kill();
    throw new Error(`the agent did not start:\n${this.output}`);
  }

  /** Starts an agent that is expected to exit. */
  static async runToEnd(node: TestNode, start: AgentStart = {}): Promise<{ exitCode: number | null; output: string }> {
    const agent = new AgentProcess(node, start);
    await agent.#closed;
    return { exitCode: agent.#child.exitCode, output: agent.output };
  }

  /** All output so far, including standard error. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when the process has exited for any reason. */
  get exited(): Promise<unknown> {
    return this.#exited;
  }

  /** The log lines with that message. */
  logLines(message: string): readonly LogLine[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ msg }) => msg === message);
  }

  /** SIGKILL, as the kernel's OOM killer sends. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.#closed;
  }

  /** SIGTERM, as in a roll-out; returns the exit code. */
  async stop(): Promise<number | null> {
    if (!this.hasEnded) this.#child.kill('SIGTERM');
    await this.#closed;
    return this.#child.exitCode;
  }

  /** The page of metrics or of a health check. */
  async get(path: '/metrics' | '/healthz' | '/readyz'): Promise<{ status: number; body: string }> {
    const port = this.#ports?.[path === '/metrics' ? 'metrics' : 'health'];
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
    const body = await response.text();
    this.#node.texts.push({ where: `${path} of agent ${this.pid}`, text: body });
    return { status: response.status, body };
  }

  /** Sum of the metric's series whose labels contain all these texts. */
  async metric(name: string, ...labels: readonly string[]): Promise<number> {
    const { body } = await this.get('/metrics');
    const series = body.split('\n').filter((line) => new RegExp(`^certfleet_agent_${name}[ {]`).test(line));
    const wanted = series.filter((line) => labels.every((label) => line.includes(label)));
    return wanted.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  #logged(message: string): Promise<LogLine> {
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('expected a pipe from the agent');
    const { promise, resolve: found } = Promise.withResolvers<LogLine>();
    const lines = createInterface(stdout);
    lines.on('line', (line) => {
      const entry = line.startsWith('{') ? (JSON.parse(line) as LogLine) : undefined;
      if (entry?.msg !== message) return;
      lines.removeAllListeners('line');
      found(entry);
    });
    return promise;
  }
}

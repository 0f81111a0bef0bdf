import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import { AgentProcess } from './agent-process.ts';
import type { TestNode } from './test-node.ts';

const dieAtCall = resolve(import.meta.dirname, 'die-at-call.ts');

/** The lives of a node's agent, each ended at a chosen step of what it does. */
export class RestartableAgent {
  readonly #node: TestNode;
  readonly #fuse: string;
  #agent: AgentProcess | undefined;
  #client: CsiClient | undefined;

  constructor(node: TestNode) {
    this.#node = node;
    this.#fuse = join(node.root, 'fuse');
  }

  get process(): AgentProcess {
    if (this.#agent === undefined) throw new Error('expected a running agent');
    return this.#agent;
  }

  get client(): CsiClient {
    if (this.#client === undefined) throw new Error('expected a running agent');
    return this.#client;
  }

  /** A new life; gives whether it lived to serve. Without a step nothing ends it. */
  async start(dieAtStep?: number): Promise<boolean> {
    await this.end();
    if (dieAtStep !== undefined) this.light(dieAtStep);
    try {
      this.#agent = await AgentProcess.start(this.#node, {
        nodeFlags: ['--import', dieAtCall],
        env: { CERTFLEET_TEST_FUSE: this.#fuse },
      });
    } catch (error) {
      if (dieAtStep === undefined) throw error;
      return false;
    }
    this.#client = new CsiClient(this.#node.socketPath);
    return true;
  }

  /** Lets the agent die before its step of that number from now on. */
  light(step: number): void {
    // Renamed into place: the agent must not find an empty fuse.
    writeFileSync(`${this.#fuse}.new`, String(step));
    renameSync(`${this.#fuse}.new`, this.#fuse);
  }

  /** Does something that the agent may die of; whether it lived. */
  async survives(work: () => Promise<void>): Promise<boolean> {
    const failure = await work().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    if (failure === undefined) return true;
    // What ends the call with the process is the broken connection; any other failure is the work's own.
    if (!failure.message.includes('UNAVAILABLE')) throw failure;
    await this.process.exited;
    return false;
  }

  /** Ends this life, if there is one, and takes the fuse away. */
  async end(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await this.#agent?.kill();
    this.#agent = undefined;
    rmSync(this.#fuse, { force: true });
  }
}

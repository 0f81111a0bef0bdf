import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import { AgentProcess } from './agent-process.ts';
import type { TestNode } from './test-node.ts';

const dieAtCall = resolve(import.meta.dirname, 'die-at-call.ts');

/** The runs of a node's agent, each ended at a chosen step. */
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

  /** Starts a new run and returns whether it came up. Without a step it is not killed. */
  async start(dieAtStep?: number): Promise<boolean> {
    await this.end();
    if (dieAtStep !== undefined) this.light(dieAtStep);
    try {
      this.#agent = await AgentProcess.start(this.#node, {
        // Each of the many starts would generate a key that it does not use.
        flags: ['--rsa-key-pool-size=0'],
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

  /** Kills the agent before the step of that number from now on. */
  light(step: number): void {
    // Renamed into place, so that the agent never reads an empty file.
    writeFileSync(`${this.#fuse}.new`, String(step));
    renameSync(`${this.#fuse}.new`, this.#fuse);
  }

  /** Runs work during which the agent may be killed; returns whether it survived. */
  async survives(work: () => Promise<void>): Promise<boolean> {
    const failure = await work().then(
      () => undefined,
      (error: unknown) => error as Error,
    );
    if (failure === undefined) return true;
    // A broken connection means that the process was killed; other failures belong to the work.
    if (!failure.message.includes('UNAVAILABLE')) throw failure;
    await this.process.exited;
    return false;
  }

  /** Ends the current run, if any, and disables the countdown. */
  async end(): Promise<void> {
    this.#client?.close();
    this.#client = undefined;
    await this.#agent?.kill();
    this.#agent = undefined;
    rmSync(this.#fuse, { force: true });
  }
}

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const agentSource = resolve(import.meta.dirname, '../../apps/node-agent/src/main.ts');

/** The agent as a process of its own, with a CA of this machine as its issuer. */
export class AgentProcess {
  readonly socketPath: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  /** Starts it in the scratch directory; each warning of its log goes to `onWarning`. */
  constructor(scratch: string, onWarning: (line: string) => void) {
    this.socketPath = join(scratch, 'csi.sock');
    const flags = [
      '--node-id=this-machine',
      `--endpoint=unix://${this.socketPath}`,
      `--data-root=${join(scratch, 'agent')}`,
      `--local-ca=${join(scratch, 'ca')}`,
    ];
    // A process group of its own: Ctrl-C must not stop it before the volumes are unpublished.
    this.#child = spawn(process.execPath, [agentSource, ...flags], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#ended = new Promise((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.stdout !== null) {
      createInterface(this.#child.stdout).on('line', (line) => {
        if (!line.includes('"level":"info"')) onWarning(line);
      });
    }
  }

  /** Resolves when the process has ended, by itself or by `stop`. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

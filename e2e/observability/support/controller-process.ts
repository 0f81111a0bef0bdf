import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { waitUntil } from '../../cluster/wait.ts';

const source = resolve(import.meta.dirname, '../../../apps/renewal-controller/src/main.ts');

/** The controller as a child process that ends at the latest with this process. */
export class ControllerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = '';

  private constructor(flags: readonly string[]) {
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, source, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] },
    });
    this.#exited = once(this.#child, 'exit');
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
  }

  /** Starts it and waits until it listens. */
  static async start(flags: readonly string[]): Promise<ControllerProcess> {
    const controller = new ControllerProcess(flags);
    const explain = (): Promise<string> => Promise.resolve(controller.#output);
    await waitUntil(
      'the controller to listen',
      () => Promise.resolve(controller.#output.includes('"msg":"listening"')),
      { timeoutMs: 240_000, explain },
    );
    return controller;
  }

  /** Stops it until `resume`, as on a node without CPU: its connections stay open. */
  suspend(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** SIGKILL: no shutdown messages. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}

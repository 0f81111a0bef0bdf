import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

export interface ServiceProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Called with each log line of certfleet's services. */
  readonly onLine?: (line: LogLine, text: string) => void;
}

/** A service in a child process. */
export class ServiceProcess {
  readonly ended: Promise<void>;
  readonly #kill: () => void;

  constructor({ command, args, onLine }: ServiceProcessOptions) {
    // Its own process group: Ctrl-C must not stop it before the volumes are unpublished.
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#kill = () => child.kill('SIGTERM');
    this.ended = new Promise((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', () => resolve());
    });
    createInterface(child.stdout).on('line', (text) => {
      if (text.startsWith('{')) onLine?.(JSON.parse(text) as LogLine, text);
    });
  }

  async stop(): Promise<void> {
    this.#kill();
    await this.ended;
  }
}

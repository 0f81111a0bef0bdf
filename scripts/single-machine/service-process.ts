import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A line of a service's log. */
interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly [field: string]: unknown;
}

/** How a service is run. */
export interface ServiceProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Told of each line that is one of our services' log lines. */
  readonly onLine?: (line: LogLine, text: string) => void;
}

/** A service as a process of its own. */
export class ServiceProcess {
  readonly ended: Promise<void>;
  readonly #kill: () => void;

  constructor({ command, args, onLine }: ServiceProcessOptions) {
    // A process group of its own: Ctrl-C must not stop it before the volumes are unpublished.
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

import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const reader = resolve(import.meta.dirname, 'pod-reader.ts');

/** What a pod saw of its volume. */
export interface PodReport {
  /** How often it looked. */
  readonly looks: number;
  /** Serial numbers in the order in which they appeared. */
  readonly serials: readonly string[];
  /** Everything that was not one whole set of files. */
  readonly torn: readonly string[];
}

/** A process that uses a volume as a container does: in a mount namespace of its own, which the node's mounts reach. */
export class RunningPod {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';

  constructor(targetPath: string) {
    const unshare = ['unshare', '--mount', '--propagation', 'slave', '--', process.execPath, reader, targetPath];
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...unshare]);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.#child.stderr.pipe(process.stderr);
  }

  /** Ends it and gives what it saw. */
  async end(): Promise<PodReport> {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
    return JSON.parse(this.#output) as PodReport;
  }
}

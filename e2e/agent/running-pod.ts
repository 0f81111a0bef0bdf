import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const reader = resolve(import.meta.dirname, 'pod-reader.ts');

export interface PodReport {
  /** Number of reads. */
  readonly looks: number;
  /** Serial numbers in order of appearance. */
  readonly serials: readonly string[];
  /** Incomplete sets of files. */
  readonly torn: readonly string[];
}

/**
 * A process that uses a volume like a container: in its own mount namespace, into which the node's mounts propagate.
 */
export class RunningPod {
  readonly #child: ChildProcessWithoutNullStreams;
  #output = '';

  /** @param pauseMs between two reads, so that several readers do not starve the agent */
  constructor(targetPath: string, pauseMs = 2) {
    const program = [process.execPath, reader, targetPath, String(pauseMs)];
    const unshare = ['unshare', '--mount', '--propagation', 'slave', '--', ...program];
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...unshare]);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    this.#child.stderr.pipe(process.stderr);
  }

  /** Ends the process and returns its report. */
  async end(): Promise<PodReport> {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
    return JSON.parse(this.#output) as PodReport;
  }
}

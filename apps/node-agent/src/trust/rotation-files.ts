import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { parseRotation } from './parse-rotation.ts';
import type { CaRotation } from './parse-rotation.ts';

export interface RotationFilesOptions {
  /** The controller writes each object to a file here, by a rename. */
  readonly directory: string;
  readonly clock: Clock;
  /** Every object, at first and after each change. */
  readonly onSynced: (objects: readonly CaRotation[]) => void;
  /** Nothing is said about the objects until they can be read again. */
  readonly onError: (error: CertfleetError) => void;
}

const pollMs = 1_000;
/** As the controller's. */
const limits = { files: 1_000, bytes: 1_572_864 };

/** The CARotation objects of a controller on this machine, without Kubernetes. */
export class RotationFiles {
  readonly #options: RotationFilesOptions;
  #cancelTimer: CancelTimer | undefined;
  #reading: Promise<void> | undefined;
  #isStopped = false;
  #last: string | undefined;

  constructor(options: RotationFilesOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#reading = this.#read().then(() => {
      if (!this.#isStopped) this.#cancelTimer = this.#options.clock.schedule(pollMs, () => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#reading;
  }

  /** Never rejects. */
  async #read(): Promise<void> {
    const { directory, onSynced, onError } = this.#options;
    try {
      const texts = await textsOf(directory);
      const now = texts.join('\0');
      if (this.#isStopped || now === this.#last) return;
      const objects = texts.map((text) => rotationOf(directory, text));
      this.#last = now;
      onSynced(objects);
    } catch (thrown) {
      const problem = `cannot read the CARotations in ${directory}: ${messageOf(thrown)}`;
      if (!this.#isStopped) onError(new CertfleetError('unavailable', problem, { cause: thrown }));
    }
  }
}

/** The contents of the files; none if the controller has not made the directory yet. */
async function textsOf(directory: string): Promise<readonly string[]> {
  const names = (await readdir(directory).catch(absent)) ?? [];
  const files = names.filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort();
  if (files.length > limits.files) throw new Error(`${files.length} files, expected at most ${limits.files}`);
  const texts: string[] = [];
  for (const name of files) {
    const path = join(directory, name);
    const size = (await stat(path).catch(absent))?.size ?? 0;
    if (size > limits.bytes) throw new Error(`${name} is larger than ${limits.bytes} bytes`);
    const text = await readFile(path, 'utf8').catch(absent);
    if (text !== undefined) texts.push(text);
  }
  return texts;
}

/** An object may be deleted between two calls. */
function absent(thrown: unknown): undefined {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
}

function rotationOf(directory: string, text: string): CaRotation {
  const object = parseRotation(JSON.parse(text));
  if (object === undefined) throw new Error(`a file in ${directory} contains no CARotation`);
  return object;
}

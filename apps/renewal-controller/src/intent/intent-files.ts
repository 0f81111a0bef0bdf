import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { intentKinds } from './intent-kinds.ts';
import type { IntentKind, ObjectOf } from './intent-kinds.ts';
import { parseIntent } from './parse-intent.ts';

/** As etcd limits objects. */
const maxObjectBytes = 1_572_864;
const temporaryPrefix = '..new-';
const versionFile = 'version';

/** The files of the objects: `<directory>/<plural>/<name>.json`. A write is durable when it returns. */
export class IntentFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Creates the directory of a kind, and removes files of writes that did not complete: nobody got an answer. Requires
   * the directory's lock.
   */
  async prepare(kind: IntentKind): Promise<void> {
    const directory = this.directoryOf(kind);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const left = (await readdir(directory)).filter((file) => file.startsWith(temporaryPrefix));
    for (const file of left) await rm(join(directory, file), { force: true });
  }

  /** The names of the objects of a kind. */
  async names(kind: IntentKind): Promise<readonly string[]> {
    return (await readdir(this.directoryOf(kind))).flatMap((file) => nameOfFile(file) ?? []);
  }

  /**
   * Reads an object; undefined if there is none.
   * @throws CertfleetError failed-precondition for a damaged file
   */
  async read<Kind extends IntentKind>(kind: Kind, name: string): Promise<ObjectOf<Kind> | undefined> {
    const path = this.#path(kind, name);
    const content = await readIfPresent(path);
    if (content === undefined) return undefined;
    const object = parseIntent(kind, parseJson(path, content));
    if (object?.metadata.name !== name || !/^\d{1,20}$/.test(object.metadata.resourceVersion))
      throw damaged(path, `it contains no object of kind ${kind} with the name of the file`);
    return object;
  }

  /** @throws CertfleetError unavailable if the object cannot be stored; it is unchanged then */
  async write<Kind extends IntentKind>(kind: Kind, object: ObjectOf<Kind>): Promise<void> {
    const { name } = object.metadata;
    const content = `${JSON.stringify(object, undefined, 2)}\n`;
    if (Buffer.byteLength(content) > maxObjectBytes)
      throw new CertfleetError('invalid-argument', `${kind} ${name} is larger than ${maxObjectBytes} bytes`);
    try {
      await replaceDurably(this.directoryOf(kind), `${name}.json`, content);
    } catch (cause) {
      throw new CertfleetError('unavailable', `cannot store ${kind} ${name}: ${messageOf(cause)}`, { cause });
    }
  }

  async remove(kind: IntentKind, name: string): Promise<void> {
    await rm(this.#path(kind, name), { force: true });
    await syncDirectory(this.directoryOf(kind));
  }

  /** A resource version above every earlier one of the directory and above `known`. Requires the directory's lock. */
  async nextVersion(known: bigint): Promise<bigint> {
    const text = (await readIfPresent(join(this.#directory, versionFile)))?.trim() ?? '';
    const last = /^\d{1,20}$/.test(text) ? BigInt(text) : 0n;
    const next = (last > known ? last : known) + 1n;
    await replaceDurably(this.#directory, versionFile, String(next));
    return next;
  }

  directoryOf(kind: IntentKind): string {
    return join(this.#directory, intentKinds[kind].plural);
  }

  #path(kind: IntentKind, name: string): string {
    return join(this.directoryOf(kind), `${name}.json`);
  }
}

/** The name of the object in a file; undefined for other files. */
export function nameOfFile(file: string): string | undefined {
  return file.startsWith(temporaryPrefix) ? undefined : /^(.+)\.json$/.exec(file)?.[1];
}

function damaged(path: string, why: string): CertfleetError {
  return new CertfleetError(
    'failed-precondition',
    `cannot read ${path}: ${why}. It may contain a pause, so no renewal can start: repair or delete the file`,
  );
}

function parseJson(path: string, content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch (thrown) {
    throw damaged(path, messageOf(thrown));
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** Temporary file, fsync, rename, fsync of the directory: a reader finds the old content or the new one. */
async function replaceDurably(directory: string, file: string, content: string): Promise<void> {
  const temporary = join(directory, `${temporaryPrefix}${file}`);
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, join(directory, file));
  } catch (thrown) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw thrown;
  }
  await syncDirectory(directory);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { IntentCache } from './intent-cache.ts';
import { allKinds, intentApiVersion, intentKinds } from './intent-kinds.ts';
import type { IntentKind, ObjectOf, SpecOf, StatusOf } from './intent-kinds.ts';
import type { NewIntent } from './intent-object.ts';
import type { IntentChange, IntentStore, PatchOptions, SpecPatch } from './intent-store.ts';
import { mergePatch } from './merge-patch.ts';
import { checkName, checkSpec, parseIntent } from './parse-intent.ts';

export interface FileIntentStoreOptions {
  /** Contains one directory per kind with one JSON file per object; created if it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** As etcd limits objects. */
const maxObjectBytes = 1_572_864;
const maxObjects = 10_000;
/** A file name has at most 255 bytes. */
const maxNameLength = 240;

/**
 * The objects in files, for a controller without Kubernetes. One process owns the directory. A write is durable before
 * it is visible: temporary file, fsync, rename, fsync of the directory.
 */
export class FileIntentStore implements IntentStore {
  readonly #options: FileIntentStoreOptions;
  readonly #caches: ReadonlyMap<IntentKind, IntentCache<IntentKind>>;
  readonly #lock = new KeyedLock();
  readonly #loaded = Promise.withResolvers<void>();
  #isLoaded = false;
  #version = 0n;

  constructor(options: FileIntentStoreOptions) {
    this.#options = options;
    this.#caches = new Map(allKinds.map((kind) => [kind, new IntentCache(kind, options.log)]));
    this.#loaded.promise.catch(() => undefined);
  }

  /** @throws CertfleetError failed-precondition for a damaged file: a pause could be in it */
  async start(): Promise<void> {
    for (const kind of allKinds) await this.#load(kind);
    this.#isLoaded = true;
    this.#loaded.resolve();
  }

  stop(): Promise<void> {
    this.#loaded.reject(new CertfleetError('cancelled', 'the controller is stopping'));
    return Promise.resolve();
  }

  loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  problem(kind: IntentKind): string | undefined {
    return this.#isLoaded ? undefined : `the objects of kind ${kind} are not loaded yet`;
  }

  list<Kind extends IntentKind>(kind: Kind): readonly ObjectOf<Kind>[] {
    return this.#cache(kind).list();
  }

  find<Kind extends IntentKind>(kind: Kind, name: string): ObjectOf<Kind> | undefined {
    return this.#cache(kind).find(name);
  }

  get<Kind extends IntentKind>(kind: Kind, name: string): Promise<ObjectOf<Kind>> {
    // A promise, as of the other store: errors reject.
    return Promise.resolve().then(() => this.#existing(kind, name));
  }

  onChange<Kind extends IntentKind>(kind: Kind, listener: (change: IntentChange<Kind>) => void): () => void {
    return this.#cache(kind).onChange(listener);
  }

  async create<Kind extends IntentKind>(kind: Kind, object: NewIntent<SpecOf<Kind>>): Promise<ObjectOf<Kind>> {
    const { name, labels, annotations, spec } = object;
    checkName(name);
    if (name.length > maxNameLength)
      throw new CertfleetError('invalid-argument', `name of an object must have at most ${maxNameLength} characters`);
    checkSpec(kind, name, { spec });
    return await this.#lock.run(kind, async () => {
      const cache = this.#cache(kind);
      if (cache.find(name) !== undefined)
        throw new CertfleetError('already-exists', `${kind} ${name} exists already`, { reason: 'AlreadyExists' });
      if (cache.list().length >= maxObjects)
        throw new CertfleetError('resource-exhausted', `there are ${maxObjects} objects of kind ${kind}: delete some`);
      const metadata = {
        name,
        uid: randomUUID(),
        resourceVersion: this.#nextVersion(),
        generation: 1,
        creationTimestamp: new Date(this.#options.clock.now()).toISOString(),
        ...(labels && { labels }),
        ...(annotations && { annotations }),
      };
      return await this.#store(kind, { apiVersion: intentApiVersion, kind, metadata, spec });
    });
  }

  async patchSpec<Kind extends IntentKind>(
    kind: Kind,
    name: string,
    patch: SpecPatch<Kind>,
    { resourceVersion }: PatchOptions = {},
  ): Promise<ObjectOf<Kind>> {
    return await this.#lock.run(kind, async () => {
      const known = this.#existing(kind, name, resourceVersion);
      const spec = mergePatch(known.spec, patch) as SpecOf<Kind>;
      checkSpec(kind, name, { spec, previous: known.spec });
      if (isDeepStrictEqual(spec, known.spec)) return known;
      const generation = known.metadata.generation + 1;
      const metadata = { ...known.metadata, resourceVersion: this.#nextVersion(), generation };
      return await this.#store(kind, { ...known, metadata, spec });
    });
  }

  async updateStatus<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    status: StatusOf<Kind>,
  ): Promise<ObjectOf<Kind>> {
    return await this.#lock.run(kind, async () => {
      const known = this.#existing(kind, object.metadata.name, object.metadata.resourceVersion);
      if (isDeepStrictEqual(status, known.status)) return known;
      const metadata = { ...known.metadata, resourceVersion: this.#nextVersion() };
      return await this.#store(kind, { ...known, metadata, status });
    });
  }

  async delete(kind: IntentKind, name: string, uid?: string): Promise<void> {
    await this.#lock.run(kind, async () => {
      const known = this.#existing(kind, name);
      if (uid !== undefined && uid !== known.metadata.uid) throw conflict(kind, name, 'uid');
      await rm(this.#path(kind, name));
      await syncDirectory(this.#directory(kind));
      this.#cache(kind).remove(known);
    });
  }

  async #load(kind: IntentKind): Promise<void> {
    const directory = this.#directory(kind);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const file of await readdir(directory)) {
      // Left by a write that did not complete; its caller never got an answer.
      if (file.startsWith('..new-')) await rm(join(directory, file), { force: true });
      else if (file.endsWith('.json')) await this.#read(kind, file);
    }
  }

  async #read(kind: IntentKind, file: string): Promise<void> {
    const path = join(this.#directory(kind), file);
    const object = parseIntent(kind, await readJson(path));
    const version = BigInt(/^\d{1,20}$/.exec(object?.metadata.resourceVersion ?? '')?.[0] ?? -1);
    if (object === undefined || `${object.metadata.name}.json` !== file || version < 0n)
      throw damaged(path, `no object of kind ${kind} with the name of the file`);
    if (version > this.#version) this.#version = version;
    this.#cache(kind).put(object);
  }

  async #store<Kind extends IntentKind>(kind: Kind, object: ObjectOf<Kind>): Promise<ObjectOf<Kind>> {
    const content = JSON.stringify(object, undefined, 2);
    if (Buffer.byteLength(content) > maxObjectBytes)
      throw new CertfleetError(
        'invalid-argument',
        `${kind} ${object.metadata.name} is larger than ${maxObjectBytes} bytes`,
      );
    const { name } = object.metadata;
    const temporary = join(this.#directory(kind), `..new-${name}`);
    try {
      await writeDurably(temporary, content);
      await rename(temporary, this.#path(kind, name));
      await syncDirectory(this.#directory(kind));
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw new CertfleetError('unavailable', `cannot store ${kind} ${name}: ${messageOf(cause)}`, { cause });
    }
    // What callers and listeners get must not change when the caller changes its own object.
    const stored = JSON.parse(content) as ObjectOf<Kind>;
    this.#cache(kind).put(stored);
    return stored;
  }

  #existing<Kind extends IntentKind>(kind: Kind, name: string, resourceVersion?: string): ObjectOf<Kind> {
    checkName(name);
    const known = this.#cache(kind).find(name);
    if (known === undefined)
      throw new CertfleetError('not-found', `there is no ${kind} ${name}`, { reason: 'NotFound' });
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion)
      throw conflict(kind, name, 'resource version');
    return known;
  }

  #nextVersion(): string {
    this.#version += 1n;
    return String(this.#version);
  }

  #directory(kind: IntentKind): string {
    return join(this.#options.directory, intentKinds[kind].plural);
  }

  #path(kind: IntentKind, name: string): string {
    return join(this.#directory(kind), `${name}.json`);
  }

  #cache<Kind extends IntentKind>(kind: Kind): IntentCache<Kind> {
    return this.#caches.get(kind) as unknown as IntentCache<Kind>;
  }
}

function conflict(kind: IntentKind, name: string, what: string): CertfleetError {
  return new CertfleetError('aborted', `${kind} ${name} was changed meanwhile: it has another ${what}`, {
    reason: 'Conflict',
  });
}

function damaged(path: string, why: string): CertfleetError {
  return new CertfleetError(
    'failed-precondition',
    `cannot read ${path}: ${why}. It may contain a pause, so no renewal can start: repair or delete the file`,
  );
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (thrown) {
    throw damaged(path, messageOf(thrown));
  }
}

async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

import { randomUUID } from 'node:crypto';
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { KeyedLock } from '@certfleet/shared/keyed-lock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { withDirectoryLock } from './directory-lock.ts';
import { IntentCache } from './intent-cache.ts';
import { IntentFiles, nameOfFile } from './intent-files.ts';
import { allKinds, intentApiVersion } from './intent-kinds.ts';
import type { IntentKind, ObjectOf, SpecOf, StatusOf } from './intent-kinds.ts';
import type { IntentMeta, NewIntent } from './intent-object.ts';
import type { IntentChange, IntentStore, PatchOptions, SpecPatch } from './intent-store.ts';
import { mergePatch } from './merge-patch.ts';
import { checkName, checkSpec } from './parse-intent.ts';

export interface FileIntentStoreOptions {
  /** Contains one directory per kind with one JSON file per object; created if it is missing. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Logger;
}

const maxObjects = 10_000;
/** A file name has at most 255 bytes. */
const maxNameLength = 240;

/**
 * The objects in files, for controllers without Kubernetes. Replicas in one network namespace may share the
 * directory: a lock orders their writes, and each watches the files of the others.
 */
export class FileIntentStore implements IntentStore {
  readonly #options: FileIntentStoreOptions;
  readonly #files: IntentFiles;
  readonly #caches: ReadonlyMap<IntentKind, IntentCache<IntentKind>>;
  readonly #lock = new KeyedLock();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #watchers: FSWatcher[] = [];
  #isLoaded = false;
  #isStopped = false;

  constructor(options: FileIntentStoreOptions) {
    this.#options = options;
    this.#files = new IntentFiles(options.directory);
    this.#caches = new Map(allKinds.map((kind) => [kind, new IntentCache(kind, options.log)]));
    this.#loaded.promise.catch(() => undefined);
  }

  /** @throws CertfleetError failed-precondition for a damaged file: a pause could be in it */
  async start(): Promise<void> {
    await this.#prepare();
    for (const kind of allKinds) {
      // Before the first read, so that no write of another process is missed.
      this.#watch(kind);
      for (const name of await this.#files.names(kind)) await this.#refresh(kind, name);
    }
    this.#isLoaded = true;
    this.#loaded.resolve();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    this.#loaded.reject(new CertfleetError('cancelled', 'the controller is stopping'));
    // Ends with the write in progress.
    await Promise.all(allKinds.map((kind) => this.#lock.run(kind, () => Promise.resolve())));
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

  async get<Kind extends IntentKind>(kind: Kind, name: string): Promise<ObjectOf<Kind>> {
    return await this.#lock.run(kind, () => this.#existing(kind, name));
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
    return await this.#exclusively(kind, async () => {
      if ((await this.#files.read(kind, name)) !== undefined)
        throw new CertfleetError('already-exists', `${kind} ${name} exists already`, { reason: 'AlreadyExists' });
      if (this.#cache(kind).list().length >= maxObjects)
        throw new CertfleetError('resource-exhausted', `there are ${maxObjects} objects of kind ${kind}: delete some`);
      const metadata = {
        name,
        uid: randomUUID(),
        resourceVersion: await this.#nextVersion(),
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
    return await this.#exclusively(kind, async () => {
      const known = await this.#existing(kind, name, resourceVersion);
      const spec = mergePatch(known.spec, patch) as SpecOf<Kind>;
      checkSpec(kind, name, { spec, previous: known.spec });
      if (isDeepStrictEqual(spec, known.spec)) return known;
      const generation = known.metadata.generation + 1;
      const metadata = { ...known.metadata, resourceVersion: await this.#nextVersion(known), generation };
      return await this.#store(kind, { ...known, metadata, spec });
    });
  }

  async updateStatus<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    status: StatusOf<Kind>,
  ): Promise<ObjectOf<Kind>> {
    return await this.#exclusively(kind, async () => {
      const { name, resourceVersion, uid } = object.metadata;
      const known = await this.#existing(kind, name, resourceVersion);
      if (known.metadata.uid !== uid) throw conflict(kind, name, 'uid');
      if (isDeepStrictEqual(status, known.status)) return known;
      const metadata = { ...known.metadata, resourceVersion: await this.#nextVersion(known) };
      return await this.#store(kind, { ...known, metadata, status });
    });
  }

  async setFinalizers<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    finalizers: readonly string[],
  ): Promise<ObjectOf<Kind> | undefined> {
    return await this.#exclusively(kind, async () => {
      const known = await this.#existing(kind, object.metadata.name, object.metadata.resourceVersion);
      if (known.metadata.deletionTimestamp !== undefined && finalizers.length === 0) {
        await this.#remove(kind, known);
        return undefined;
      }
      return await this.#change(kind, known, { finalizers });
    });
  }

  async delete(kind: IntentKind, name: string, uid?: string): Promise<void> {
    await this.#exclusively(kind, async () => {
      const known = await this.#existing(kind, name);
      if (uid !== undefined && uid !== known.metadata.uid) throw conflict(kind, name, 'uid');
      if ((known.metadata.finalizers ?? []).length === 0) await this.#remove(kind, known);
      else if (known.metadata.deletionTimestamp === undefined)
        await this.#change(kind, known, { deletionTimestamp: new Date(this.#options.clock.now()).toISOString() });
    });
  }

  async #remove(kind: IntentKind, known: ObjectOf<IntentKind>): Promise<void> {
    await this.#files.remove(kind, known.metadata.name);
    this.#cache(kind).remove(known);
  }

  async #change<Kind extends IntentKind>(
    kind: Kind,
    known: ObjectOf<Kind>,
    changed: Partial<IntentMeta>,
  ): Promise<ObjectOf<Kind>> {
    const metadata = { ...known.metadata, ...changed, resourceVersion: await this.#nextVersion(known) };
    return await this.#store(kind, { ...known, metadata });
  }

  async #prepare(): Promise<void> {
    const { directory, clock } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await withDirectoryLock(directory, clock, async () => {
      for (const kind of allKinds) await this.#files.prepare(kind);
    });
  }

  #watch(kind: IntentKind): void {
    const { log } = this.#options;
    const watcher = watch(this.#files.directoryOf(kind), { persistent: false }, (_, file) => {
      const name = nameOfFile(file ?? '');
      if (name === undefined || this.#isStopped) return;
      this.#refresh(kind, name).catch((thrown: unknown) =>
        log.error(
          { kind, name, error: asCertfleetError(thrown).message },
          'cannot read a changed object, keeping the last',
        ),
      );
    });
    watcher.on('error', (error) => log.error({ kind, error: messageOf(error) }, 'cannot watch the files of objects'));
    this.#watchers.push(watcher);
  }

  /** Reads a file after own writes have settled, so that the cache never goes back. */
  async #refresh(kind: IntentKind, name: string): Promise<void> {
    await this.#lock.run(kind, async () => {
      const object = await this.#files.read(kind, name);
      const cache = this.#cache(kind);
      const known = cache.find(name);
      if (known !== undefined && known.metadata.uid !== object?.metadata.uid) cache.remove(known);
      if (object !== undefined) cache.put(object);
    });
  }

  async #exclusively<T>(kind: IntentKind, work: () => Promise<T>): Promise<T> {
    const { directory, clock } = this.#options;
    return await this.#lock.run(kind, async () => {
      try {
        return await this.#lock.run('directory', () => withDirectoryLock(directory, clock, work));
      } catch (thrown) {
        if (thrown instanceof CertfleetError) throw thrown;
        throw new CertfleetError('unavailable', `cannot use ${directory}: ${messageOf(thrown)}`, { cause: thrown });
      }
    });
  }

  async #store<Kind extends IntentKind>(kind: Kind, object: ObjectOf<Kind>): Promise<ObjectOf<Kind>> {
    await this.#files.write(kind, object);
    // What callers and listeners get must not change when the caller changes its own object.
    const stored = structuredClone(object);
    this.#cache(kind).put(stored);
    return stored;
  }

  async #existing<Kind extends IntentKind>(
    kind: Kind,
    name: string,
    resourceVersion?: string,
  ): Promise<ObjectOf<Kind>> {
    checkName(name);
    const known = await this.#files.read(kind, name);
    if (known === undefined)
      throw new CertfleetError('not-found', `there is no ${kind} ${name}`, { reason: 'NotFound' });
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion)
      throw conflict(kind, name, 'resource version');
    return known;
  }

  async #nextVersion(known?: ObjectOf<IntentKind>): Promise<string> {
    return String(await this.#files.nextVersion(BigInt(known?.metadata.resourceVersion ?? 0)));
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

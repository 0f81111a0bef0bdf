import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiRequest, KubeClient } from '@certfleet/shared/kube/api-client.ts';
import { boundedSignal } from '@certfleet/shared/kube/bounded-signal.ts';
import { ResourceWatch } from '@certfleet/shared/kube/resource-watch.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { IntentCache } from './intent-cache.ts';
import { allKinds, intentApiVersion, intentResource } from './intent-kinds.ts';
import type { IntentKind, ObjectOf, SpecOf, StatusOf } from './intent-kinds.ts';
import type { NewIntent } from './intent-object.ts';
import type { IntentChange, IntentStore, PatchOptions, SpecPatch } from './intent-store.ts';
import { checkName, parseIntent } from './parse-intent.ts';

export interface KubeIntentStoreOptions {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Timeout of one attempt, and of a call with its retries. */
const attemptTimeoutMs = 5_000;
const callTimeoutMs = 15_000;

const missingDefinition = 'its CustomResourceDefinition is missing: install the chart with crds.enabled';
/** A misspelt field is an error; otherwise the API server would silently drop it. */
const strict = { fieldValidation: 'Strict' };

interface Followed {
  readonly cache: IntentCache<IntentKind>;
  readonly watch: ResourceWatch<ObjectOf<IntentKind>>;
  isLoaded: boolean;
  /** The failure since which no watch has been open; undefined if none has failed. */
  failure: string | undefined;
}

/** The objects in the Kubernetes API. One watch per kind, which lists again after a 410 and backs off after failures. */
export class KubeIntentStore implements IntentStore {
  readonly #options: KubeIntentStoreOptions;
  readonly #followed: ReadonlyMap<IntentKind, Followed>;
  readonly #stop = new AbortController();

  constructor(options: KubeIntentStoreOptions) {
    this.#options = options;
    this.#followed = new Map(allKinds.map((kind) => [kind, this.#follow(kind)]));
  }

  start(): Promise<void> {
    for (const { watch } of this.#followed.values()) watch.start();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new CertfleetError('cancelled', 'the controller is stopping'));
    await Promise.all([...this.#followed.values()].map(({ watch }) => watch.stop()));
  }

  loaded(kind: IntentKind): Promise<void> {
    return this.#of(kind).watch.ready;
  }

  problem(kind: IntentKind): string | undefined {
    const { isLoaded, failure } = this.#of(kind);
    return failure ?? (isLoaded ? undefined : `the objects of kind ${kind} are not loaded yet`);
  }

  list<Kind extends IntentKind>(kind: Kind): readonly ObjectOf<Kind>[] {
    return this.#cache(kind).list();
  }

  find<Kind extends IntentKind>(kind: Kind, name: string): ObjectOf<Kind> | undefined {
    return this.#cache(kind).find(name);
  }

  onChange<Kind extends IntentKind>(kind: Kind, listener: (change: IntentChange<Kind>) => void): () => void {
    return this.#cache(kind).onChange(listener);
  }

  async get<Kind extends IntentKind>(kind: Kind, name: string): Promise<ObjectOf<Kind>> {
    checkName(name);
    return await this.#write(kind, { verb: 'get', name });
  }

  async create<Kind extends IntentKind>(kind: Kind, object: NewIntent<SpecOf<Kind>>): Promise<ObjectOf<Kind>> {
    const { name, labels, annotations, owner, spec } = object;
    checkName(name);
    const metadata = {
      name,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(owner && { ownerReferences: [owner] }),
    };
    return await this.#write(kind, {
      verb: 'create',
      query: strict,
      body: { apiVersion: intentApiVersion, kind, metadata, spec },
    });
  }

  async patchSpec<Kind extends IntentKind>(
    kind: Kind,
    name: string,
    patch: SpecPatch<Kind>,
    { resourceVersion }: PatchOptions = {},
  ): Promise<ObjectOf<Kind>> {
    checkName(name);
    const body = { spec: patch, ...(resourceVersion !== undefined && { metadata: { resourceVersion } }) };
    // Without a version, the same patch has the same effect again.
    return await this.#write(kind, {
      verb: 'patch',
      name,
      query: strict,
      body,
      repeatable: resourceVersion === undefined,
    });
  }

  async updateStatus<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    status: StatusOf<Kind>,
  ): Promise<ObjectOf<Kind>> {
    const { name, uid, resourceVersion } = object.metadata;
    checkName(name);
    const metadata = { name, uid, resourceVersion };
    const body = { apiVersion: intentApiVersion, kind, metadata, spec: object.spec, status };
    return await this.#write(kind, { verb: 'update', name, subresource: 'status', body });
  }

  async setFinalizers<Kind extends IntentKind>(
    kind: Kind,
    object: ObjectOf<Kind>,
    finalizers: readonly string[],
  ): Promise<ObjectOf<Kind> | undefined> {
    const { name, uid, resourceVersion, deletionTimestamp } = object.metadata;
    const body = { metadata: { uid, resourceVersion, finalizers } };
    const written = await this.#write(kind, { verb: 'patch', name, body });
    if (deletionTimestamp === undefined || finalizers.length > 0) return written;
    if (!(await this.#stillExists(kind, name, uid))) this.#of(kind).cache.remove(written);
    return undefined;
  }

  async delete(kind: IntentKind, name: string, uid?: string): Promise<void> {
    checkName(name);
    const body = uid === undefined ? undefined : { preconditions: { uid } };
    await this.#call(kind, { verb: 'delete', name, body });
    const known = this.#of(kind).cache.find(name);
    // Finalizers keep a deleted object; then the watch reports its removal.
    const finalizes = known !== undefined && (await this.#stillExists(kind, name, known.metadata.uid));
    if (known !== undefined && !finalizes) this.#of(kind).cache.remove(known);
  }

  async #stillExists(kind: IntentKind, name: string, uid: string): Promise<boolean> {
    try {
      const { metadata } = await this.get(kind, name);
      return metadata.uid === uid;
    } catch (thrown) {
      return !(thrown instanceof CertfleetError && thrown.code === 'not-found');
    }
  }

  async #write<Kind extends IntentKind>(kind: Kind, request: Omit<ApiRequest, 'resource'>): Promise<ObjectOf<Kind>> {
    const object = parseIntent(kind, await this.#call(kind, request));
    if (object === undefined) throw new CertfleetError('unavailable', `the API server returned no ${kind}`);
    this.#cache(kind).put(object);
    return object;
  }

  async #call(kind: IntentKind, request: Omit<ApiRequest, 'resource'>): Promise<unknown> {
    const { client, clock } = this.#options;
    const bound = boundedSignal(clock, callTimeoutMs, this.#stop.signal);
    try {
      const call = { ...request, resource: intentResource(kind), timeoutMs: attemptTimeoutMs, signal: bound.signal };
      return await client.request(call);
    } finally {
      bound.dispose();
    }
  }

  #follow(kind: IntentKind): Followed {
    const { client, clock, log } = this.#options;
    const cache = new IntentCache(kind, log);
    const watch = new ResourceWatch<ObjectOf<IntentKind>>({
      client,
      clock,
      resource: intentResource(kind),
      // A pause that was acknowledged before this start must not be missing.
      isFirstListFresh: true,
      project: (raw) => parseIntent(kind, raw),
      onEvent: ({ type, object }) => (type === 'DELETED' ? cache.remove(object) : cache.put(object)),
      onSynced: (objects, resourceVersion) => {
        cache.replace(objects, resourceVersion);
        followed.isLoaded = true;
        recovered();
      },
      onOpen: () => recovered(),
      onError: ({ message, reason }) => {
        const error = reason === 'ApiNotServed' ? `${message}; ${missingDefinition}` : message;
        // Once per outage, not per attempt.
        if (followed.failure === undefined) log.warn({ kind, error }, 'cannot follow objects, retrying');
        followed.failure = `cannot follow the objects of kind ${kind}: ${error}`;
      },
    });
    const recovered = (): void => {
      if (followed.failure !== undefined) log.info({ kind }, 'objects are followed again');
      followed.failure = undefined;
    };
    const followed: Followed = { cache, watch, isLoaded: false, failure: undefined };
    return followed;
  }

  #of(kind: IntentKind): Followed {
    const followed = this.#followed.get(kind);
    if (followed === undefined) throw new CertfleetError('internal', `kind ${kind} is not followed`);
    return followed;
  }

  #cache<Kind extends IntentKind>(kind: Kind): IntentCache<Kind> {
    return this.#of(kind).cache as unknown as IntentCache<Kind>;
  }
}

import type { Readable } from 'node:stream';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ApiTarget } from '@certfleet/shared/kube/api-resource.ts';
import type { TrustSettings } from '../additional-trust.ts';

type TrustClient = NonNullable<TrustSettings['client']>;

/** An object of the API with the fields that a test needs. */
export type FakeObject = Readonly<Record<string, unknown>> & {
  readonly metadata: { readonly name: string; readonly namespace?: string };
};

interface OpenWatch {
  readonly plural: string;
  readonly matches: (object: FakeObject) => boolean;
  /** Events that the watch has not read yet. */
  readonly events: object[];
  wake: () => void;
  /** Resolves when the watch has processed every event. */
  idle: PromiseWithResolvers<void>;
}

const absent = new CertfleetError('not-found', 'the API server answered 404', { reason: 'ApiNotServed' });

/** An API server in memory: lists and watches, of which a test knows when they have processed every change. */
export class FakeTrustApi implements TrustClient {
  /** Number of requests for lists and single objects, by plural name. */
  readonly requests = new Map<string, number>();
  /** Thrown for every call while it is set. */
  failure: CertfleetError | undefined;
  /** Served resources, as version and plural name. */
  readonly served = new Set(['v1alpha1/carotations', 'v1/configmaps', 'v1beta1/clustertrustbundles']);
  readonly #objects = new Map<string, FakeObject>();
  readonly #watches = new Set<OpenWatch>();
  #version = 1;

  /** Creates or replaces an object, and waits until every open watch has processed it. */
  async put(plural: string, object: FakeObject): Promise<void> {
    const key = keyOf(plural, object.metadata);
    const type = this.#objects.has(key) ? 'MODIFIED' : 'ADDED';
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    this.#objects.set(key, stored);
    await this.#send(plural, { type, object: stored });
  }

  /** Deletes an object, and waits until every open watch has processed it. */
  async delete(plural: string, metadata: FakeObject['metadata']): Promise<void> {
    const key = keyOf(plural, metadata);
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#objects.delete(key);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    await this.#send(plural, { type: 'DELETED', object: last });
  }

  /** Number of open watches of a resource. */
  watches(plural: string): number {
    return [...this.#watches].filter((watch) => watch.plural === plural).length;
  }

  request(target: ApiTarget): Promise<unknown> {
    const { plural } = target.resource;
    this.requests.set(plural, (this.requests.get(plural) ?? 0) + 1);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (!this.#serves(target)) return Promise.reject(absent);
    if (target.name !== undefined) {
      const { name, namespace } = target;
      const found = this.#objects.get(keyOf(plural, { name, ...(namespace !== undefined && { namespace }) }));
      const missing = new CertfleetError('not-found', `${plural} ${name} not found`, { reason: 'NotFound' });
      return found === undefined ? Promise.reject(missing) : Promise.resolve(found);
    }
    const items = [...this.#objects].flatMap(([key, object]) => (key.startsWith(`${plural}/`) ? [object] : []));
    const matches = selectorOf(target);
    return Promise.resolve({
      metadata: { resourceVersion: String(this.#version) },
      items: items.filter((each) => matches(each)),
    });
  }

  watch(target: ApiTarget, signal: AbortSignal): Promise<Readable> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (!this.#serves(target)) return Promise.reject(absent);
    // Read without a buffer, so that the request for the next event shows that the last one was processed.
    return Promise.resolve(this.#read(target, signal) as unknown as Readable);
  }

  async *#read(target: ApiTarget, signal: AbortSignal): AsyncGenerator<Buffer> {
    const watch: OpenWatch = {
      plural: target.resource.plural,
      matches: selectorOf(target),
      events: [],
      wake: () => undefined,
      idle: Promise.withResolvers(),
    };
    this.#watches.add(watch);
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    try {
      while (!signal.aborted) {
        const event = watch.events.shift();
        if (event !== undefined) {
          yield Buffer.from(`${JSON.stringify(event)}\n`);
          continue;
        }
        watch.idle.resolve();
        await Promise.race([aborted, new Promise<void>((resolve) => (watch.wake = resolve))]);
      }
    } finally {
      this.#watches.delete(watch);
      watch.idle.resolve();
    }
  }

  async #send(plural: string, event: { readonly type: string; readonly object: FakeObject }): Promise<void> {
    const watches = [...this.#watches].filter((each) => each.plural === plural && each.matches(event.object));
    for (const watch of watches) {
      watch.events.push(event);
      watch.idle = Promise.withResolvers();
      watch.wake();
    }
    await Promise.all(watches.map(({ idle }) => idle.promise));
  }

  #serves({ resource }: ApiTarget): boolean {
    return this.served.has(`${resource.version}/${resource.plural}`);
  }
}

function keyOf(plural: string, { namespace = '', name }: FakeObject['metadata']): string {
  return `${plural}/${namespace}/${name}`;
}

function selectorOf({ namespace, query }: ApiTarget): (object: FakeObject) => boolean {
  const name = query?.['fieldSelector']?.replace(/^metadata\.name=/, '');
  return ({ metadata }) =>
    (namespace === undefined || metadata.namespace === namespace) && (name === undefined || metadata.name === name);
}

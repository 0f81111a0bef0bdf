import { PassThrough } from 'node:stream';
import type { Readable } from 'node:stream';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';

/** An object of the API server, with the fields that a test sets. */
export interface FakeObject {
  readonly metadata: {
    readonly uid: string;
    readonly name: string;
    readonly namespace?: string;
    readonly [field: string]: unknown;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
}

/** Lists and watches in memory: the faults of an API server on demand. */
export class FakeApiServer {
  readonly client: Pick<KubeClient, 'request' | 'watch'> = {
    request: ({ resource: { plural, version } }) => {
      this.#assertServed(plural, version);
      const items = [...this.#of(plural).values()];
      return Promise.resolve({ metadata: { resourceVersion: String(this.#version) }, items });
    },
    watch: ({ resource: { plural, version } }, signal) => {
      this.#assertServed(plural, version);
      const body = new PassThrough();
      signal.addEventListener('abort', () => body.end(), { once: true });
      const open = this.#watches.get(plural) ?? new Set();
      this.#watches.set(plural, open.add(body));
      return Promise.resolve(body as Readable);
    },
  };
  /** The versions of PodCertificateRequests that are served. */
  served: readonly string[] = ['v1'];
  /** What every request is refused with. */
  refusal: CertfleetError | undefined;
  readonly #objects = new Map<string, Map<string, FakeObject>>();
  readonly #watches = new Map<string, Set<PassThrough>>();
  #version = 1;

  put(plural: string, object: FakeObject): void {
    const objects = this.#of(plural);
    const type = objects.has(object.metadata.uid) ? 'MODIFIED' : 'ADDED';
    objects.set(object.metadata.uid, object);
    this.#send(plural, type, object);
  }

  remove(plural: string, uid: string): void {
    const object = this.#of(plural).get(uid);
    if (object === undefined) return;
    this.#of(plural).delete(uid);
    this.#send(plural, 'DELETED', object);
  }

  /** Removes an object without an event, and ends the watches because their history is gone. */
  removeUnseen(plural: string, uid: string): void {
    this.#of(plural).delete(uid);
    this.expire(plural);
  }

  /** Ends the watches of a resource with 410: their history was compacted. */
  expire(plural: string): void {
    const object = { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old' };
    for (const body of this.#watches.get(plural) ?? []) body.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    this.#watches.delete(plural);
  }

  /** How many watches of a resource are open. */
  watches(plural: string): number {
    return [...(this.#watches.get(plural) ?? [])].filter((body) => !body.writableEnded).length;
  }

  #send(plural: string, type: string, object: FakeObject): void {
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    const line = `${JSON.stringify({ type, object: { ...object, metadata } })}\n`;
    for (const body of this.#watches.get(plural) ?? []) if (!body.writableEnded) body.write(line);
  }

  #of(plural: string): Map<string, FakeObject> {
    const objects = this.#objects.get(plural) ?? new Map<string, FakeObject>();
    this.#objects.set(plural, objects);
    return objects;
  }

  #assertServed(plural: string, version: string): void {
    if (this.refusal !== undefined) throw this.refusal;
    if (plural === 'podcertificaterequests' && !this.served.includes(version))
      throw new CertfleetError('not-found', 'the server could not find the requested resource', {
        reason: 'ApiNotServed',
      });
  }
}

import { delay } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { asCertfleetError, CertfleetError } from '../errors.ts';

import type { KubeClient } from './api-client.ts';
import { errorFromStatus } from './api-error.ts';
import type { ApiResource } from './api-resource.ts';
import { listAll } from './list-all.ts';
import { maxRetryAfterMs } from './refusal-memory.ts';
import { readWatch } from './watch-stream.ts';
import type { RawWatchEvent } from './watch-stream.ts';

/** A change of one object, projected. */
interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** What is watched and who is told. A handler that throws is reported to `onError` and otherwise ignored. */
export interface ResourceWatchOptions<T> {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly resource: ApiResource;
  readonly labelSelector?: string;
  /** The little that is needed of an object, or undefined to pass over it: the watch itself keeps no object. */
  readonly project: (raw: unknown) => T | undefined;
  readonly onEvent: (event: WatchEvent<T>) => void;
  /** The full set after each list, for those whose event was missed meanwhile. */
  readonly onSynced: (objects: readonly T[]) => void;
  /** A failure that the watch is about to recover from. */
  readonly onError?: (error: CertfleetError) => void;
  readonly random?: () => number;
}

const firstBackoffMs = 200;
const maxBackoffMs = 10_000;

/** A list, then a watch from it, for ever: whatever ends the watch, it is taken up again from where it stood. */
export class ResourceWatch<T> {
  /** Resolves after the first list; rejects when stopped before. */
  readonly ready: Promise<void>;
  readonly #options: ResourceWatchOptions<T>;
  readonly #stop = new AbortController();
  readonly #ready = Promise.withResolvers<undefined>();
  /** Where to go on; undefined means list again. */
  #resourceVersion: string | undefined;
  /** The first list may be as old as the API server's cache, which is cheap; after a 410 it must be a fresh one. */
  #listFrom: '0' | undefined = '0';
  #failures = 0;
  /** How long the API server asked to wait, when it last refused. */
  #retryAfterMs = 0;
  #isOpen = false;
  #pause: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ResourceWatchOptions<T>) {
    this.#options = options;
    this.ready = this.#ready.promise;
    this.ready.catch(() => undefined);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Whether a watch is open: what happens now will be told. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Cuts a back-off short: the caller has just seen the API server answer. */
  retryNow(): void {
    this.#pause?.abort();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new CertfleetError('cancelled', 'the watch was stopped'));
    this.#ready.reject(this.#stop.signal.reason as CertfleetError);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#round();
      } catch (thrown) {
        this.#fail(thrown);
      }
      this.#isOpen = false;
      if (this.#failures > 0) await this.#backOff();
    }
  }

  async #round(): Promise<void> {
    const { client, resource, labelSelector, clock, random } = this.#options;
    const signal = this.#stop.signal;
    const selector = labelSelector === undefined ? {} : { labelSelector };
    // Until an event has come: a list that fails, and a watch that ends without an event, must back off further each time.
    this.#failures += 1;
    if (this.#resourceVersion === undefined) {
      const list = { resource, query: { ...selector, ...(this.#listFrom && { resourceVersion: this.#listFrom }) } };
      const { objects, resourceVersion } = await listAll(client, { ...list, signal }, this.#options.project);
      this.#resourceVersion = resourceVersion;
      this.#guard(() => this.#options.onSynced(objects));
      this.#ready.resolve(undefined);
    }
    await readWatch({
      client,
      clock,
      signal,
      random: random ?? Math.random,
      target: { resource, query: { ...selector, resourceVersion: this.#resourceVersion } },
      onOpen: () => (this.#isOpen = true),
      onEvent: (event) => this.#take(event),
    });
  }

  #take(event: RawWatchEvent): void {
    if (event.type === 'ERROR') throw errorFromStatus(event.object, 'the watch ended');
    const version = event.object.metadata?.resourceVersion;
    if (version === undefined) throw new CertfleetError('unavailable', 'expected a resource version in a watch event');
    this.#failures = 0;
    this.#resourceVersion = version;
    if (event.type === 'BOOKMARK') return;
    const { type, object: raw } = event;
    this.#guard(() => {
      const object = this.#options.project(raw);
      if (object !== undefined) this.#options.onEvent({ type, object });
    });
  }

  #fail(thrown: unknown): void {
    if (this.#stop.signal.aborted) return;
    const error = asCertfleetError(thrown);
    this.#retryAfterMs = Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs);
    this.#failures = Math.max(1, this.#failures);
    // Gone or Expired: the history since our version is no more. ApiNotServed: the definition was deleted, maybe made anew.
    if (['Gone', 'Expired', 'ApiNotServed'].includes(error.reason ?? '')) {
      this.#resourceVersion = undefined;
      this.#listFrom = undefined;
    }
    this.#guard(() => this.#options.onError?.(error));
  }

  async #backOff(): Promise<void> {
    const { clock, random = Math.random } = this.#options;
    const askedMs = this.#retryAfterMs;
    this.#retryAfterMs = 0;
    if (askedMs > 0) {
      // Never sooner than asked, whoever calls for a retry, and spread: all watches of a fleet were refused together.
      await delay(clock, askedMs * (1 + random() / 2), this.#stop.signal).catch(() => undefined);
      return;
    }
    const maxMs = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(this.#failures - 1, 16));
    this.#pause = new AbortController();
    // Either signal only ends the pause: the loop looks at its own state next.
    const signal = AbortSignal.any([this.#stop.signal, this.#pause.signal]);
    await delay(clock, maxMs * (0.5 + random() / 2), signal).catch(() => undefined);
    this.#pause = undefined;
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      try {
        this.#options.onError?.(asCertfleetError(thrown));
      } catch {
        // The reporter itself failed: there is nobody left to tell, and the watch must go on.
      }
    }
  }
}

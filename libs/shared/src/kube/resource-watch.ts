import { delay } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { doubledDelayMs } from '../doubled-delay.ts';
import { isOneOf } from '../error-reasons.ts';
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

/** The watched resource and its handlers. An error of a handler is reported to `onError` and otherwise ignored. */
export interface ResourceWatchOptions<T> {
  readonly client: Pick<KubeClient, 'request' | 'watch'>;
  readonly clock: Clock;
  readonly resource: ApiResource;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Extracts the needed fields, or undefined to skip the object. The watch keeps no raw objects. */
  readonly project: (raw: unknown) => T | undefined;
  readonly onEvent: (event: WatchEvent<T>) => void;
  /** The full set after each list, for handlers that missed an event. */
  readonly onSynced: (objects: readonly T[], resourceVersion: string) => void;
  /**
   * The first list has every write that was acknowledged before. Default: it may come from an API server's cache, which
   * is cheaper, and may be older.
   */
  readonly isFirstListFresh?: boolean;
  /** Called when a watch is open. */
  readonly onOpen?: () => void;
  /** A failure from which the watch is about to recover. */
  readonly onError?: (error: CertfleetError) => void;
  readonly random?: () => number;
}

const firstBackoffMs = 200;
const maxBackoffMs = 10_000;

/** Lists, then watches. After any failure it resumes from the last resource version. */
export class ResourceWatch<T> {
  /** Resolves after the first list; rejects when stopped before. */
  readonly ready: Promise<void>;
  readonly #options: ResourceWatchOptions<T>;
  readonly #stop = new AbortController();
  readonly #ready = Promise.withResolvers<undefined>();
  /** The version from which to resume; undefined means list again. */
  #resourceVersion: string | undefined;
  /** `0` allows the API server's cache; after a 410 the list must be fresh. */
  #listFrom: '0' | undefined;
  #failures = 0;
  /** The last Retry-After of the API server. */
  #retryAfterMs = 0;
  #isOpen = false;
  #pause: AbortController | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ResourceWatchOptions<T>) {
    this.#options = options;
    this.#listFrom = options.isFirstListFresh === true ? undefined : '0';
    this.ready = this.#ready.promise;
    this.ready.catch(() => undefined);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Whether a watch is open, so that changes are reported as they happen. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Ends a back-off early: the caller has just received a response from the API server. */
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
    const { client, resource, labelSelector, fieldSelector, clock, random } = this.#options;
    const signal = this.#stop.signal;
    const selector = { ...(labelSelector && { labelSelector }), ...(fieldSelector && { fieldSelector }) };
    // Until an event arrives: a list that fails and a watch that ends without an event must both increase the back-off.
    this.#failures += 1;
    if (this.#resourceVersion === undefined) {
      const list = { resource, query: { ...selector, ...(this.#listFrom && { resourceVersion: this.#listFrom }) } };
      const { objects, resourceVersion } = await listAll(client, { ...list, signal }, this.#options.project);
      this.#resourceVersion = resourceVersion;
      this.#guard(() => this.#options.onSynced(objects, resourceVersion));
      this.#ready.resolve(undefined);
    }
    await readWatch({
      client,
      clock,
      signal,
      random: random ?? Math.random,
      target: { resource, query: { ...selector, resourceVersion: this.#resourceVersion } },
      onOpen: () => this.#open(),
      onEvent: (event) => this.#take(event),
    });
  }

  #open(): void {
    this.#isOpen = true;
    this.#guard(() => this.#options.onOpen?.());
  }

  #take(event: RawWatchEvent): void {
    if (event.type === 'ERROR') throw errorFromStatus(event.object, 'the watch ended');
    const version = event.object.metadata?.resourceVersion;
    if (version === undefined) throw new CertfleetError('unavailable', 'a watch event has no resource version');
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
    // Gone or Expired: the history since our version was compacted. ApiNotServed: the definition was deleted, perhaps
    // recreated.
    if (isOneOf(['Gone', 'Expired', 'ApiNotServed'], error.reason)) {
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
      // Not before the requested time, also after retryNow(), and with jitter: all watches of a fleet were refused
      // together.
      await delay(clock, askedMs * (1 + random() / 2), this.#stop.signal).catch(() => undefined);
      return;
    }
    const maxMs = doubledDelayMs(firstBackoffMs, this.#failures - 1, maxBackoffMs);
    this.#pause = new AbortController();
    // Either signal only ends the pause; the loop then checks its own state.
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
        // The error handler itself failed; the watch must continue.
      }
    }
  }
}

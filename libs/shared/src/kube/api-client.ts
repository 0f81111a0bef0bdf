import type { Readable } from 'node:stream';

import { delay } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import { errorFromResponse } from './api-error.ts';
import { apiPath } from './api-resource.ts';
import type { ApiTarget } from './api-resource.ts';
import { ApiTransport } from './api-transport.ts';
import type { HttpRequest, HttpResponse } from './api-transport.ts';
import { boundedSignal } from './bounded-signal.ts';
import type { KubeCredentials } from './kube-credentials.ts';
import { RefusalMemory } from './refusal-memory.ts';
import { readJson, readText } from './response-body.ts';
import { RequestLimiter } from './request-limiter.ts';
import { retryDelay } from './retry-policy.ts';

/** What is done to the objects; `patch` is a JSON merge patch (RFC 7396). */
export type ApiVerb = 'get' | 'list' | 'create' | 'patch' | 'delete' | 'watch';

/** One request to the API server. */
export interface ApiRequest extends ApiTarget {
  readonly verb: Exclude<ApiVerb, 'watch'>;
  readonly body?: unknown;
  /** A token to speak as instead of the agent; secret. */
  readonly bearer?: string;
  /**
   * Sends it again after a lost connection, though it may have been done. Gets, lists and deletes always are; a create
   * whose caller resolves AlreadyExists may be.
   */
  readonly repeatable?: boolean;
  /** Bounds each try; 30 s unless given. The signal bounds all of it. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Told after each response; `code` is the HTTP status, 0 when there was none. */
export type ResponseHook = (verb: ApiVerb, resource: string, code: number, durationMs: number) => void;

/** What the client is made of. */
export interface KubeClientOptions {
  readonly credentials: KubeCredentials;
  readonly clock: Clock;
  /** Requests at once, besides watches; 16 unless given. Each takes a connection of its own, and its TLS handshake. */
  readonly maxInFlight?: number;
  /** Requests a second, 0 for no limit: the API server's own fairness decides then. */
  readonly qps?: number;
  readonly burst?: number;
  readonly userAgent?: string;
  readonly onResponse?: ResponseHook;
  readonly random?: () => number;
  /** Carries the requests in the place of connections of its own; the simulation has one without sockets. */
  readonly transport?: Pick<ApiTransport, 'send' | 'invalidateCredentials' | 'stop'>;
}

const methods = { get: 'GET', list: 'GET', watch: 'GET', create: 'POST', patch: 'PATCH', delete: 'DELETE' } as const;

/** A thin JSON client of the API server: bounded in flight, patient with 429 and 503, one pool of connections. */
export class KubeClient {
  readonly #options: KubeClientOptions;
  readonly #transport: Pick<ApiTransport, 'send' | 'invalidateCredentials' | 'stop'>;
  readonly #limiter: RequestLimiter;
  readonly #refusals: RefusalMemory;

  constructor(options: KubeClientOptions) {
    this.#options = options;
    this.#transport =
      options.transport ?? new ApiTransport(options.credentials, options.userAgent ?? 'certfleet', options.clock);
    this.#limiter = new RequestLimiter(
      { maxInFlight: options.maxInFlight ?? 16, qps: options.qps ?? 0, burst: options.burst ?? 0 },
      options.clock,
    );
    this.#refusals = new RefusalMemory(options.clock);
  }

  /**
   * The JSON of the response.
   * @throws CertfleetError as errorFromResponse maps the API server's Status; unavailable when it cannot be reached;
   *   deadline-exceeded with reason RequestTimeout; or the signal's reason
   */
  async request(request: ApiRequest): Promise<unknown> {
    const { clock, random = Math.random } = this.#options;
    const body = request.body === undefined ? undefined : JSON.stringify(request.body);
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#refusals.assertAllowed(request);
        return await this.#limiter.run(() => this.#attempt(request, body), request.signal);
      } catch (thrown) {
        if (!(thrown instanceof CertfleetError) || request.signal?.aborted === true) throw thrown;
        this.#refusals.remember(request, thrown);
        // A token that was replaced on disk meanwhile is worth one more try; another's token is not ours to renew.
        if (thrown.code === 'unauthenticated' && request.bearer === undefined) this.#transport.invalidateCredentials();
        const waitMs = retryDelay(thrown, attempt, { ...request, random });
        if (waitMs === undefined) throw thrown;
        // The place in flight is free meanwhile: one flow's 429 must not hold up the others.
        await delay(clock, waitMs, request.signal);
      }
    }
  }

  /**
   * Opens a watch: the body of its response, newline-delimited JSON. Does not count as in flight and is not retried.
   * Opening is bounded to 30 s; afterwards only the signal ends it.
   */
  async watch(target: ApiTarget, signal: AbortSignal): Promise<Readable> {
    const bound = boundedSignal(this.#options.clock, 30_000, signal);
    const path = apiPath({ ...target, query: { ...target.query, watch: 'true' } });
    try {
      const sent = { method: methods.watch, path, contentType: undefined, body: undefined, bearer: undefined };
      const response = await this.#send('watch', target, { ...sent, signal: bound.signal });
      if (response.statusCode !== 200) throw await this.#refusal('watch', target, response);
      return response.body;
    } catch (thrown) {
      if (thrown instanceof CertfleetError && thrown.code === 'unauthenticated')
        this.#transport.invalidateCredentials();
      throw thrown;
    } finally {
      // The deadline was for the response's head; the body goes on under the caller's signal.
      bound.release();
    }
  }

  /** Ends all connections; requests in flight fail. */
  stop(): void {
    this.#transport.stop();
  }

  async #attempt(request: ApiRequest, body: string | undefined): Promise<unknown> {
    const bound = boundedSignal(this.#options.clock, request.timeoutMs ?? 30_000, request.signal);
    try {
      const response = await this.#send(request.verb, request, {
        method: methods[request.verb],
        path: apiPath(request),
        contentType: contentType(request),
        body,
        bearer: request.bearer,
        signal: bound.signal,
      });
      if (response.statusCode >= 300) throw await this.#refusal(request.verb, request, response);
      return await readJson(response.body, bound.signal);
    } finally {
      bound.dispose();
    }
  }

  async #send(verb: ApiVerb, target: ApiTarget, request: HttpRequest): Promise<HttpResponse> {
    const { clock, onResponse } = this.#options;
    const startedMs = clock.monotonic();
    let code = 0;
    try {
      const response = await this.#transport.send(request);
      code = response.statusCode;
      return response;
    } finally {
      onResponse?.(verb, target.resource.plural, code, clock.monotonic() - startedMs);
    }
  }

  async #refusal(verb: ApiVerb, target: ApiTarget, response: HttpResponse): Promise<CertfleetError> {
    const { statusCode, retryAfter } = response;
    const body = await readText(response.body).catch(() => '');
    const action = `${verb} ${target.resource.plural}`;
    return errorFromResponse({ statusCode, retryAfter, body, action }, this.#options.clock.now());
  }
}

function contentType(request: ApiRequest): string | undefined {
  if (request.body === undefined) return undefined;
  return request.verb === 'patch' ? 'application/merge-patch+json' : 'application/json';
}

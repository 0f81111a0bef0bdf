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

/**
 * The operation; `update` replaces an object, `patch` is a JSON merge patch (RFC 7396), `apply` is a server-side apply,
 * which needs the query `fieldManager`.
 */
export type ApiVerb = 'get' | 'list' | 'create' | 'update' | 'patch' | 'apply' | 'delete' | 'watch';

export interface ApiRequest extends ApiTarget {
  readonly verb: Exclude<ApiVerb, 'watch'>;
  readonly body?: unknown;
  /** A token to use instead of the agent's; secret. */
  readonly bearer?: string;
  /**
   * Retries after a lost connection, although the first request may have taken effect. Always on for get, list and
   * delete; allowed for a create whose caller handles AlreadyExists.
   */
  readonly repeatable?: boolean;
  /** Timeout of each attempt, 30 s by default. The signal limits all attempts together. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Called after each response; `code` is the HTTP status, 0 without a response. */
export type ResponseHook = (verb: ApiVerb, resource: string, code: number, durationMs: number) => void;

export interface KubeClientOptions {
  readonly credentials: KubeCredentials;
  readonly clock: Clock;
  /** Concurrent requests without watches, 16 by default. Each needs its own connection and TLS handshake. */
  readonly maxInFlight?: number;
  /** Requests per second; 0 means no limit, which leaves fairness to the API server. */
  readonly qps?: number;
  readonly burst?: number;
  readonly userAgent?: string;
  readonly onResponse?: ResponseHook;
  readonly random?: () => number;
  /** Replaces the HTTP connections; the simulation uses a transport without sockets. */
  readonly transport?: Pick<ApiTransport, 'send' | 'invalidateCredentials' | 'stop'>;
}

const methods = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  apply: 'PATCH',
  delete: 'DELETE',
} as const;

/** A thin JSON client of the API server: limited concurrency, retries on 429 and 503, one connection pool. */
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
   * Returns the JSON of the response.
   * @throws CertfleetError as errorFromResponse maps the API server's Status; unavailable when the server is
   * unreachable; deadline-exceeded with reason RequestTimeout; or the signal's reason
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
        // The agent's own token may have been replaced on disk, so one retry is useful; a caller's token cannot be
        // refreshed here.
        if (thrown.code === 'unauthenticated' && request.bearer === undefined) this.#transport.invalidateCredentials();
        const waitMs = retryDelay(thrown, attempt, { ...request, random });
        if (waitMs === undefined) throw thrown;
        // The in-flight slot is free during this delay, so that one 429 does not block other requests.
        await delay(clock, waitMs, request.signal);
      }
    }
  }

  /**
   * Opens a watch and returns its body, newline-delimited JSON. A watch does not count as in flight and is not retried.
   * Opening has a timeout of 30 s; afterwards only the signal ends the watch.
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
      // The timeout covered the response's head; from here the caller's signal applies.
      bound.release();
    }
  }

  /** Closes all connections; requests in flight fail. */
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

const contentTypes: Partial<Record<ApiVerb, string>> = {
  patch: 'application/merge-patch+json',
  // JSON is YAML.
  apply: 'application/apply-patch+yaml',
};

function contentType(request: ApiRequest): string | undefined {
  if (request.body === undefined) return undefined;
  return contentTypes[request.verb] ?? 'application/json';
}

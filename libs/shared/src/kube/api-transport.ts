import type { Readable } from 'node:stream';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import { ConnectionPool } from './connection-pool.ts';
import type { KubeAccess, KubeCredentials } from './kube-credentials.ts';

/** One HTTP request as it goes to the API server. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: string | undefined;
  /** Speaks as this token's ServiceAccount instead of the agent. */
  readonly bearer: string | undefined;
  readonly signal: AbortSignal;
}

/** One HTTP response; the body must be read or destroyed. */
export interface HttpResponse {
  readonly statusCode: number;
  readonly retryAfter: string | undefined;
  readonly body: Readable;
}

interface Connections {
  readonly access: KubeAccess;
  /** Path of the server's URL, empty for the root: what every request's path begins with. */
  readonly basePath: string;
  readonly own: ConnectionPool;
  /** For other bearers: without the agent's client certificate, which would win over their token. */
  readonly bearer: ConnectionPool;
}

/** The connections to the API server: one kept-alive pool, replaced when certificates rotate. */
export class ApiTransport {
  readonly #credentials: KubeCredentials;
  readonly #userAgent: string;
  readonly #clock: Clock;
  #connections: Connections | undefined;

  constructor(credentials: KubeCredentials, userAgent: string, clock: Clock) {
    this.#credentials = credentials;
    this.#userAgent = userAgent;
    this.#clock = clock;
  }

  /** @throws CertfleetError unavailable, reason ConnectionRefused when nothing was sent, ConnectionLost when it may have been */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const access = await this.#credentials.access();
    const connections = this.#connect(access);
    try {
      const response = await (request.bearer === undefined ? connections.own : connections.bearer).send({
        method: request.method,
        path: connections.basePath + request.path,
        headers: this.#headers(request, access),
        body: request.body,
        signal: request.signal,
      });
      return { statusCode: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], body: response };
    } catch (thrown) {
      throw connectionError(thrown, request.signal);
    }
  }

  /** Makes the next request read the credentials again. */
  invalidateCredentials(): void {
    this.#credentials.invalidate();
  }

  /** Ends every connection, those of requests in flight too. */
  stop(): void {
    this.#connections?.own.destroy();
    this.#connections?.bearer.destroy();
    this.#connections = undefined;
  }

  #headers(request: HttpRequest, access: KubeAccess): Record<string, string | number> {
    return {
      accept: 'application/json',
      'user-agent': this.#userAgent,
      ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
      ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      ...(request.bearer === undefined ? access.headers : { authorization: `Bearer ${request.bearer}` }),
    };
  }

  #connect(access: KubeAccess): Connections {
    const current = this.#connections;
    if (current?.access === access) return current;
    // A new token alone needs no new connections: it travels in the header.
    if (current !== undefined && sameEndpoint(current.access, access)) {
      return (this.#connections = { ...current, access });
    }
    const { cert, key, pfx, passphrase, ...anonymous } = access.tls;
    const own = new ConnectionPool(access, access.tls, this.#clock);
    const hasCertificate = (cert ?? key ?? pfx ?? passphrase) !== undefined;
    const bearer = hasCertificate ? new ConnectionPool(access, anonymous, this.#clock) : own;
    const { pathname } = new URL(access.server);
    this.#connections = { access, basePath: pathname === '/' ? '' : pathname, own, bearer };
    // Requests in flight end on the old connections; a failure of one is told to its own caller.
    current?.own.retire();
    current?.bearer.retire();
    return this.#connections;
  }
}

function sameEndpoint(a: KubeAccess, b: KubeAccess): boolean {
  return a.server === b.server && a.proxyUrl === b.proxyUrl && JSON.stringify(a.tls) === JSON.stringify(b.tls);
}

/** System error codes that say no byte of the request was sent. */
const neverSent = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

/** The error of a connection that failed. The cause is left out: it may hold the request and its headers. */
export function connectionError(thrown: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (thrown instanceof CertfleetError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CertfleetError('unavailable', `could not reach the api server: ${message || code}`, {
    reason: neverSent.has(code) ? 'ConnectionRefused' : 'ConnectionLost',
  });
}

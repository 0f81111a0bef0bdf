import type { Readable } from 'node:stream';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import { ConnectionPool } from './connection-pool.ts';
import type { KubeAccess, KubeCredentials } from './kube-credentials.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: string | undefined;
  /** Uses this token instead of the agent's credentials. */
  readonly bearer: string | undefined;
  readonly signal: AbortSignal;
}

/** An HTTP response; the caller must read or destroy the body. */
export interface HttpResponse {
  readonly statusCode: number;
  readonly retryAfter: string | undefined;
  readonly body: Readable;
}

interface Connections {
  readonly access: KubeAccess;
  /** Path of the server's URL, empty for the root; the prefix of every request's path. */
  readonly basePath: string;
  readonly own: ConnectionPool;
  /** For other tokens: without the agent's client certificate, which would take precedence over them. */
  readonly bearer: ConnectionPool;
}

/** The connections to the API server: one keep-alive pool, replaced when certificates rotate. */
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

  /**
   * @throws CertfleetError unavailable, reason ConnectionRefused if nothing was sent, ConnectionLost if it may have
   * been
   */
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

  /** Closes every connection, including those of requests in flight. */
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
    // A new token needs no new connections: it is sent in the header.
    if (current !== undefined && sameEndpoint(current.access, access)) {
      return (this.#connections = { ...current, access });
    }
    const { cert, key, pfx, passphrase, ...anonymous } = access.tls;
    const own = new ConnectionPool(access, access.tls, this.#clock);
    const hasCertificate = (cert ?? key ?? pfx ?? passphrase) !== undefined;
    const bearer = hasCertificate ? new ConnectionPool(access, anonymous, this.#clock) : own;
    const { pathname } = new URL(access.server);
    this.#connections = { access, basePath: pathname === '/' ? '' : pathname, own, bearer };
    // Requests in flight finish on the old connections; their failures go to their own callers.
    current?.own.retire();
    current?.bearer.retire();
    return this.#connections;
  }
}

function sameEndpoint(a: KubeAccess, b: KubeAccess): boolean {
  return a.server === b.server && a.proxyUrl === b.proxyUrl && JSON.stringify(a.tls) === JSON.stringify(b.tls);
}

/** System error codes that guarantee that no byte of the request was sent. */
const neverSent = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']);

/** The error of a failed connection. The cause is omitted: it may contain the request and its headers. */
export function connectionError(thrown: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (thrown instanceof CertfleetError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CertfleetError('unavailable', `could not reach the API server: ${message || code}`, {
    reason: neverSent.has(code) ? 'ConnectionRefused' : 'ConnectionLost',
  });
}

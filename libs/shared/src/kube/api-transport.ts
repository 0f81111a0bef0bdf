import type { Readable } from 'node:stream';

import { CertfleetError } from '../errors.ts';
import { Pool, ProxyAgent } from 'undici';
import type { Dispatcher } from 'undici';

import type { KubeAccess, KubeCredentials } from './kube-credentials.ts';

/** One HTTP request as it goes to the API server. */
export interface HttpRequest {
  readonly method: Dispatcher.HttpMethod;
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
  readonly own: Dispatcher;
  /** For other bearers: without the agent's client certificate, which would win over their token. */
  readonly bearer: Dispatcher;
}

/** The connections to the API server: one kept-alive pool, replaced when certificates rotate. */
export class ApiTransport {
  readonly #credentials: KubeCredentials;
  readonly #userAgent: string;
  #connections: Connections | undefined;

  constructor(credentials: KubeCredentials, userAgent: string) {
    this.#credentials = credentials;
    this.#userAgent = userAgent;
  }

  /** @throws CertfleetError unavailable, reason ConnectionRefused when nothing was sent, ConnectionLost when it may have been */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const access = await this.#credentials.access();
    const connections = this.#connect(access);
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': this.#userAgent,
      ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
      ...(request.bearer === undefined ? access.headers : { authorization: `Bearer ${request.bearer}` }),
    };
    const base = new URL(access.server);
    try {
      const response = await (request.bearer === undefined ? connections.own : connections.bearer).request({
        origin: base.origin,
        path: (base.pathname === '/' ? '' : base.pathname) + request.path,
        method: request.method,
        headers,
        body: request.body ?? null,
        signal: request.signal,
      });
      const retryAfter = response.headers['retry-after'];
      return {
        statusCode: response.statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
        body: response.body,
      };
    } catch (thrown) {
      throw connectionError(thrown, request.signal);
    }
  }

  /** Makes the next request read the credentials again. */
  invalidateCredentials(): void {
    this.#credentials.invalidate();
  }

  /** Ends every connection, those of requests in flight too. */
  async stop(): Promise<void> {
    const connections = this.#connections;
    this.#connections = undefined;
    if (connections !== undefined) await Promise.all([connections.own.destroy(), connections.bearer.destroy()]);
  }

  #connect(access: KubeAccess): Connections {
    const current = this.#connections;
    if (current?.access === access) return current;
    // A new token alone needs no new connections: it travels in the header.
    if (current !== undefined && sameEndpoint(current.access, access)) {
      return (this.#connections = { ...current, access });
    }
    const { cert, key, pfx, passphrase, ...anonymous } = access.tls;
    const own = openPool(access, access.tls);
    const hasCertificate = (cert ?? key ?? pfx ?? passphrase) !== undefined;
    this.#connections = { access, own, bearer: hasCertificate ? openPool(access, anonymous) : own };
    // Requests in flight end on the old connections; a failure of one is told to its own caller.
    if (current !== undefined) void Promise.allSettled([current.own.close(), current.bearer.close()]);
    return this.#connections;
  }
}

function sameEndpoint(a: KubeAccess, b: KubeAccess): boolean {
  return a.server === b.server && a.proxyUrl === b.proxyUrl && JSON.stringify(a.tls) === JSON.stringify(b.tls);
}

function openPool(access: KubeAccess, tls: KubeAccess['tls']): Dispatcher {
  const options = {
    // HTTP/1.1: as fast as h2 at 16 and 64 in flight and twice as fast at 1 (measured), and a lost connection or a
    // slow reader harms one request, not all of the agent's.
    allowH2: false,
    keepAliveTimeout: 30_000,
    // Time is bounded per request by the client; a watch has no end of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  // TCP keep-alive finds a peer that vanished without a word, within a minute.
  const connect = { timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 };
  if (access.proxyUrl !== undefined)
    return new ProxyAgent({ ...options, uri: access.proxyUrl, requestTls: tls, connect });
  return new Pool(new URL(access.server).origin, { ...options, connect: { ...tls, ...connect } });
}

/** System and undici error codes that say no byte of the request was sent. */
const neverSent = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The error of a connection that failed. The cause is left out: undici's errors hold the request and its headers. */
export function connectionError(thrown: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (thrown instanceof CertfleetError) return thrown;
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CertfleetError('unavailable', `could not reach the api server: ${message || code}`, {
    reason: neverSent.has(code) ? 'ConnectionRefused' : 'ConnectionLost',
  });
}

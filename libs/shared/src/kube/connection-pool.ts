import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createSecureContext, TLSSocket } from 'node:tls';

import type { Clock } from '../clock.ts';
import { CertfleetError } from '../errors.ts';

import type { KubeAccess, KubeTls } from './kube-credentials.ts';

/** A request to the server; the path is sent unchanged. */
export interface PooledRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

/** TCP and TLS together. */
const connectTimeoutMs = 10_000;
const idleTimeoutMs = 30_000;

/**
 * Keep-alive connections to one server, through its proxy if it has one. HTTP/1.1 is as fast as HTTP/2 at 16 and 64
 * requests in flight and twice as fast at 1 (measured), and a lost connection or a slow reader affects one request
 * instead of all.
 */
export class ConnectionPool {
  readonly #agent: HttpAgent;
  readonly #server: RequestOptions;
  readonly #clock: Clock;

  /** @throws CertfleetError invalid-argument for a proxy that is not HTTP */
  constructor({ server, proxyUrl }: KubeAccess, tls: KubeTls, clock: Clock) {
    const { protocol, hostname, port } = new URL(server);
    this.#server = { protocol, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), port };
    this.#clock = clock;
    const options = {
      keepAlive: true,
      // TCP keep-alive detects a vanished server within a minute.
      keepAliveMsecs: 30_000,
      // Only for idle connections: a request is limited by its signal, and a watch has no limit.
      timeout: idleTimeoutMs,
      ...(proxyUrl === undefined ? {} : proxied(proxyUrl)),
    };
    this.#agent = protocol === 'http:' ? new HttpAgent(options) : new HttpsAgent({ ...options, ...secured(tls) });
  }

  /** Sends the request and resolves with the response's head. The caller must read or destroy the body. */
  send({ body, ...request }: PooledRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const send = this.#server.protocol === 'http:' ? httpRequest : httpsRequest;
      const sent = send({ ...this.#server, ...request, agent: this.#agent }, resolve);
      // Stays after the response: a connection that breaks later emits the error on both the body and the request.
      sent.on('error', reject);
      this.#boundConnecting(sent);
      sent.end(body);
    });
  }

  /** Closes idle connections now and the others when their requests finish. */
  retire(): void {
    this.#agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.#agent.freeSockets)) sockets?.forEach((socket) => socket.destroy());
  }

  /** Closes all connections, including those of requests in flight. */
  destroy(): void {
    this.#agent.destroy();
  }

  #boundConnecting(request: ClientRequest): void {
    request.once('socket', (socket) => {
      if (!socket.connecting) return;
      const cancel = this.#clock.schedule(connectTimeoutMs, () => request.destroy(notConnected()));
      socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', cancel).once('close', cancel);
    });
  }
}

function proxied(proxyUrl: string): object {
  // Node ignores any other scheme and would bypass the proxy.
  if (!/^https?:/i.test(proxyUrl)) {
    const found = proxyUrl.split(':', 1)[0] ?? '';
    throw new CertfleetError('invalid-argument', `expected a proxy with http: or https:, found ${found}:`);
  }
  return { proxyEnv: { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl } };
}

/** One context for all connections: otherwise each would parse the CA again. */
function secured({ rejectUnauthorized, servername, ...tls }: KubeTls): object {
  return {
    secureContext: createSecureContext(tls),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function notConnected(): CertfleetError {
  const message = `could not reach the API server: no connection within ${connectTimeoutMs} ms`;
  return new CertfleetError('unavailable', message, { reason: 'ConnectionRefused' });
}

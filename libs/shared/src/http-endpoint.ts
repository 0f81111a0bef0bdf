import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CertfleetError } from './errors.ts';
import type { ListenAddress } from './flag-parsers.ts';

/** The response of a path. */
export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** Handlers by path; any other path is a 404. */
export type HttpRoutes = Readonly<Record<string, () => Promise<HttpAnswer> | HttpAnswer>>;

/** A few read-only paths over plain HTTP, for the kubelet's probes and for Prometheus. */
export class HttpEndpoint {
  readonly #server: Server;
  readonly #address: ListenAddress;

  constructor(address: ListenAddress, routes: HttpRoutes) {
    this.#address = address;
    this.#server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
      // Not parsed as a URL, because parsers throw on input such as "//".
      const [path = ''] = (request.url ?? '').split('?');
      const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
      const answer = async (): Promise<HttpAnswer> => {
        if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'expected GET\n');
        return route === undefined ? text(404, `expected ${Object.keys(routes).join(' or ')}\n`) : route();
      };
      answer().then(
        (ready) => send(response, ready),
        () => send(response, text(500, 'internal error\n')),
      );
    });
    this.#server.maxConnections = 64;
  }

  /** Listens and returns the port: the configured one, or a free one if that is 0. */
  async start(): Promise<number> {
    const { host, port } = this.#address;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause) =>
        reject(new CertfleetError('unavailable', `cannot listen on port ${port}: ${cause.message}`, { cause })),
      );
      this.#server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** A plain-text response. */
export function text(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

function send(response: ServerResponse, { status, contentType, body }: HttpAnswer): void {
  response.writeHead(status, { 'content-type': contentType, 'x-content-type-options': 'nosniff' }).end(body);
}

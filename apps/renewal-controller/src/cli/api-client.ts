import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { Agent, request } from 'undici';
import type { buildConnector } from 'undici';

/** The controller's API and the caller's credentials. */
export interface ApiClientOptions {
  /** For example `https://127.0.0.1:8080`. */
  readonly server: string;
  readonly token: string | undefined;
  /** CA of the server's certificate, PEM; undefined uses the default roots of Node. */
  readonly ca: string | undefined;
  /** Expected name in the certificate if it differs from the host, for example behind `kubectl port-forward`. */
  readonly serverName: string | undefined;
  /** Opens the connections; undefined connects to the address of the server. */
  readonly open?: () => Promise<Duplex>;
}

const connectMs = 10_000;

/**
 * Sends one request.
 * @returns the parsed JSON
 * @throws CertfleetError unavailable, or failed-precondition with the server's message
 */
export type AskApi = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;

export function apiClient({
  server,
  token,
  ca,
  serverName,
  open,
}: ApiClientOptions): AskApi & { close(): Promise<void> } {
  const tls = { ...(ca === undefined ? {} : { ca }), ...(serverName === undefined ? {} : { servername: serverName }) };
  const connect = open === undefined ? { ...tls, timeout: connectMs } : throughStream(open, tls);
  const dispatcher = new Agent({ connect, headersTimeout: 60_000, bodyTimeout: 60_000 });
  const ask: AskApi = async (method, path, body) => {
    const url = new URL(`/api/v1/${path}`, server);
    const headers: Record<string, string> = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sent = { method, headers, dispatcher, body: body === undefined ? null : JSON.stringify(body) };
    const response = await request(url, sent).catch((error: unknown) => {
      throw new CertfleetError('unavailable', `could not reach the controller at ${url.origin}: ${messageOf(error)}`);
    });
    const text = await response.body.text().catch((error: unknown) => {
      throw new CertfleetError('unavailable', `the response of ${url.origin} was interrupted: ${messageOf(error)}`);
    });
    const answer = jsonOf(text);
    if (response.statusCode < 300 && answer !== undefined) return answer;
    // A proxy may answer in another format.
    const { message = 'the response is not JSON; check --server and any proxy' } = (answer ?? {}) as {
      readonly message?: string;
    };
    throw new CertfleetError(
      'failed-precondition',
      `the server refused the request (${response.statusCode}): ${message}`,
    );
  };
  return Object.assign(ask, { close: () => dispatcher.close() });
}

/** TLS in streams that `open` opens. */
function throughStream(
  open: () => Promise<Duplex>,
  tls: { readonly ca?: string; readonly servername?: string },
): buildConnector.connector {
  const connected = async (hostname: string): Promise<ReturnType<typeof connectTls>> => {
    const stream = await open();
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => reject(new Error(`no TLS within ${connectMs / 1_000} s`)), connectMs);
    const socket = connectTls({ servername: hostname, ...tls, socket: stream }, () => resolve(undefined));
    // The stream knows more about a failure than the socket in it.
    stream.once('error', reject);
    socket.once('error', reject).once('close', () => reject(new Error('the connection was closed')));
    try {
      await promise;
      return socket;
    } catch (thrown) {
      stream.destroy();
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  };
  return ({ hostname }, callback) => {
    connected(hostname).then(
      (socket) => callback(null, socket),
      (thrown: unknown) => callback(thrown instanceof Error ? thrown : new Error(messageOf(thrown)), null),
    );
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

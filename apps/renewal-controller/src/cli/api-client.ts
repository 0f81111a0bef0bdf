import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { Agent, request } from 'undici';

/** The controller's API and the caller's credentials. */
export interface ApiClientOptions {
  /** For example `https://127.0.0.1:8080`. */
  readonly server: string;
  readonly token: string | undefined;
  /** CA of the server's certificate, PEM; undefined uses the default roots of Node. */
  readonly ca: string | undefined;
  /** Expected name in the certificate if it differs from the host, for example behind `kubectl port-forward`. */
  readonly serverName: string | undefined;
}

/**
 * Sends one request.
 * @returns the parsed JSON
 * @throws CertfleetError unavailable, or failed-precondition with the server's message
 */
export type AskApi = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;

export function apiClient({ server, token, ca, serverName }: ApiClientOptions): AskApi & { close(): Promise<void> } {
  const tls = { ...(ca === undefined ? {} : { ca }), ...(serverName === undefined ? {} : { servername: serverName }) };
  const dispatcher = new Agent({ connect: { ...tls, timeout: 10_000 }, headersTimeout: 60_000, bodyTimeout: 60_000 });
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

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

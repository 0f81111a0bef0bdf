import { CertfleetError, messageOf } from '@certfleet/shared/errors.ts';
import { Agent, request } from 'undici';

/** Where the controller's API is, and as whom it is asked. */
export interface ApiClientOptions {
  /** Such as `https://127.0.0.1:8080`. */
  readonly server: string;
  readonly token: string | undefined;
  /** PEM of the CA of the server's certificate; undefined trusts the roots that Node trusts. */
  readonly ca: string | undefined;
  /** The name in that certificate when it is not the server's, as behind `kubectl port-forward`. */
  readonly serverName: string | undefined;
}

/** Asks the API; gives the JSON of the answer or throws the error that the answer names. */
export type AskApi = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<unknown>;

/** A client of the operators' API. */
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
      throw new CertfleetError('unavailable', `the answer of ${url.origin} broke off: ${messageOf(error)}`);
    });
    const answer = jsonOf(text);
    if (response.statusCode < 300 && answer !== undefined) return answer;
    // A proxy in between answers in a form of its own.
    const { message = 'expected JSON, found something else' } = (answer ?? {}) as { readonly message?: string };
    throw new CertfleetError('failed-precondition', `the controller refused (${response.statusCode}): ${message}`);
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

import { CertfleetError, isErrorCode } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';

export interface HttpClientOptions {
  readonly fetch: typeof fetch;
  /** The server no longer accepts the session. */
  readonly onUnauthenticated: () => void;
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

const base = '/api/v1';

/** A JSON client of the API of the server that served the page. An error of the server is thrown with its message. */
export class HttpClient {
  readonly #options: HttpClientOptions;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /** @throws CertfleetError with the server's code and message, or unavailable without a response */
  async ask<T>(path: string, { method = 'GET', body, signal }: ApiRequest = {}): Promise<T> {
    const response = await this.#send(path, {
      method,
      headers: {
        accept: 'application/json',
        // A form of another site cannot set a header, so the server uses it to reject cross-site requests.
        ...(method === 'GET' ? {} : { 'x-certfleet': 'page' }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
    const error = refusal(response.status, text);
    if (error.code === 'unauthenticated') this.#options.onUnauthenticated();
    throw error;
  }

  async #send(path: string, init: RequestInit): Promise<Response> {
    try {
      return await this.#options.fetch(`${base}${path}`, init);
    } catch (cause) {
      if (init.signal?.aborted === true) throw cause;
      throw new CertfleetError('unavailable', 'the controller does not respond', { cause });
    }
  }
}

const codesByStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [401, 'unauthenticated'],
  [403, 'permission-denied'],
  [404, 'not-found'],
  [429, 'resource-exhausted'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'unavailable'],
]);

/** The server's error; a proxy in between may respond without a message. */
function refusal(status: number, text: string): CertfleetError {
  try {
    const { code, message } = JSON.parse(text) as { readonly code?: unknown; readonly message?: unknown };
    if (isErrorCode(code) && typeof message === 'string') return new CertfleetError(code, message);
  } catch {
    // Not the server's JSON.
  }
  return new CertfleetError(codesByStatus.get(status) ?? 'internal', `the server responded with status ${status}`);
}

import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';

/** What requests are made with. */
export interface HttpClientOptions {
  readonly fetch: typeof fetch;
  /** The server knows no session any more. */
  readonly onUnauthenticated: () => void;
}

/** A request to the API. */
export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

const base = '/api/v1';

/** Speaks JSON with the API of the server that served the page; what it refuses is thrown with its own words. */
export class HttpClient {
  readonly #options: HttpClientOptions;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /** @throws CertfleetError with the server's code and message, or unavailable when it does not answer */
  async ask<T>(path: string, { method = 'GET', body, signal }: ApiRequest = {}): Promise<T> {
    const response = await this.#send(path, {
      method,
      headers: {
        accept: 'application/json',
        // A form of another site cannot set a header, which is how the server tells it from this page.
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
      throw new CertfleetError('unavailable', 'the controller does not answer', { cause });
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

/** A refusal in the server's words; a proxy on the way may answer without any. */
function refusal(status: number, text: string): CertfleetError {
  try {
    const { code, message } = JSON.parse(text) as { readonly code: ErrorCode; readonly message: string };
    return new CertfleetError(code, message);
  } catch {
    return new CertfleetError(codesByStatus.get(status) ?? 'internal', `the server answered with status ${status}`);
  }
}

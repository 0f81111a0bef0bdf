import { responseHeaders } from '@certfleet/operator-api/response-headers.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError, isErrorCode } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';
import { format, t } from '../messages/messages.ts';
import { momentOf } from '../time/moment.ts';
import type { Moment } from '../time/moment.ts';
import { KnownResponses } from './known-responses.ts';
import { parseJson } from './parse-json.ts';

export interface HttpClientOptions {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** The server no longer accepts the session. */
  readonly onUnauthenticated: () => void;
  /** The server responded and stated its time. */
  readonly onServerTime: (serverMs: number, startedAt: Moment) => void;
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

const base = '/api/v1';
/** Without a complete response within this time a request has failed. */
const readTimeoutMs = 10_000;
const writeTimeoutMs = 30_000;

interface Received {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  readonly text: string;
}

/**
 * A JSON client of the API of the server that served the page. An error of the server is thrown with its message. A
 * response that is late, incomplete, or of another request is an error too.
 */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #known = new KnownResponses();
  #requests = 0;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /**
   * @throws CertfleetError with the server's code and message, unavailable without a response, deadline-exceeded after a
   *   timeout: then it is unknown whether the server has acted
   */
  async ask<T>(path: string, { method = 'GET', body, signal }: ApiRequest = {}): Promise<T> {
    const startedAt = momentOf(this.#options.clock);
    const mark = `${Math.round(startedAt.wallMs)}-${++this.#requests}`;
    const known = method === 'GET' ? this.#known.get(path) : undefined;
    const headers = { [responseHeaders.mark]: mark, ...(known && { 'if-none-match': known.etag }) };
    const response = await this.#receive(path, { headers, request: { method, body, signal } });
    this.#check(response, mark, startedAt);
    if (response.status === 304 && known !== undefined) return known.value as T;
    if (!response.ok) throw this.#refused(response);
    const value = valueOf(response.text);
    const etag = response.headers.get('etag');
    if (method === 'GET' && etag !== null) this.#known.set(path, { etag, value });
    return value as T;
  }

  /** Forgets all responses, because another user may sign in. */
  forget(): void {
    this.#known.clear();
  }

  async #receive(
    path: string,
    {
      headers: marks,
      request: { method = 'GET', body, signal },
    }: { readonly headers: Record<string, string>; readonly request: ApiRequest },
  ): Promise<Received> {
    const { clock, fetch: send } = this.#options;
    const limitMs = method === 'GET' ? readTimeoutMs : writeTimeoutMs;
    const timeout = new AbortController();
    const cancel = clock.schedule(limitMs, () => timeout.abort());
    try {
      const response = await send(`${base}${path}`, {
        method,
        headers: { ...marks, ...headersOf(method, body) },
        cache: 'no-store',
        signal: AbortSignal.any([timeout.signal, ...(signal ? [signal] : [])]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const { status, ok, headers } = response;
      return { status, ok, headers, text: await response.text() };
    } catch (cause) {
      if (signal?.aborted === true) throw cause;
      const changes = method !== 'GET';
      if (!timeout.signal.aborted) {
        const noResponse = changes ? t.errors.noResponseToChange : t.errors.noResponse;
        throw new CertfleetError('unavailable', noResponse, { cause });
      }
      const waited = changes ? t.errors.timeoutOfChange : t.errors.timeout;
      throw new CertfleetError('deadline-exceeded', waited(limitMs / 1000));
    } finally {
      cancel();
    }
  }

  /** A cache between page and controller may return an earlier response as if it were current. */
  #check({ headers }: Received, mark: string, startedAt: Moment): void {
    const returned = headers.get(responseHeaders.mark);
    if (returned !== null && returned !== mark) throw new CertfleetError('unavailable', t.errors.replayed);
    const serverMs = Number(headers.get(responseHeaders.time) ?? Number.NaN);
    if (serverMs > 0) this.#options.onServerTime(serverMs, startedAt);
  }

  #refused({ status, text }: Received): CertfleetError {
    const error = refusal(status, text);
    if (error.code === 'unauthenticated') this.#options.onUnauthenticated();
    return error;
  }
}

function headersOf(method: string, body: unknown): Record<string, string> {
  return {
    accept: 'application/json',
    // A form of another site cannot set a header, so the server uses it to reject cross-site requests.
    ...(method === 'GET' ? {} : { 'x-certfleet': 'page' }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
}

function valueOf(text: string): unknown {
  if (text === '') return undefined;
  try {
    return parseJson(text);
  } catch (cause) {
    throw new CertfleetError('unavailable', t.errors.incomplete, { cause });
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
    const { code, message } = parseJson(text) as { readonly code?: unknown; readonly message?: unknown };
    if (isErrorCode(code) && typeof message === 'string') return new CertfleetError(code, message);
  } catch {
    // Not the server's JSON.
  }
  return new CertfleetError(codesByStatus.get(status) ?? 'internal', t.errors.status(format.digits(status)));
}

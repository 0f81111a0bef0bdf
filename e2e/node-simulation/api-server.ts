import { Readable } from 'node:stream';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { HttpRequest, HttpResponse } from '@certfleet/shared/kube/api-transport.ts';
import { ApiObjects, matches } from './api-objects.ts';
import type { ApiChange, ApiObject } from './api-objects.ts';
import type { Random } from './random.ts';
import type { SimulatedTime, WallClocks } from './simulated-time.ts';

/** The possible faults of a request. `before` and `after` say whether the server executed it. */
export type RequestFault =
  | { readonly kind: 'throttle'; readonly retryAfterSeconds: number }
  | { readonly kind: 'error'; readonly status: number }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'reset-before' }
  | { readonly kind: 'reset-after' }
  | { readonly kind: 'hang-before' }
  | { readonly kind: 'hang-after' }
  | { readonly kind: 'slow'; readonly delayMs: number };

/** The possible faults of open watches. */
export type WatchFault = 'close' | 'gone' | 'freeze' | 'lose-event' | 'duplicate-event' | 'delay-events';

/** The sender of requests: those of an ended process get no response. */
export interface ApiClient {
  readonly isAlive: () => boolean;
  /** Called when a fault affects a request. */
  readonly onFault: (request: HttpRequest, fault: RequestFault) => void;
  /** Called when a request was executed, before its response is sent; the process may end here. */
  readonly onCarriedOut: (request: HttpRequest) => void;
}

interface Watch {
  readonly body: Readable;
  readonly plural: string;
  readonly selector: string | null;
  isFrozen: boolean;
  loses: number;
  duplicates: number;
  delayMs: number;
}

const bookmarkMs = 60_000;

/** How long a slow watch delays each change. */
export const watchDelayMs = 20_000;

/** A Kubernetes API server without sockets, below the agent's client: it can fail in all ways of a real one. */
export class ApiServer {
  readonly objects = new ApiObjects();
  readonly #time: SimulatedTime;
  readonly #walls: WallClocks;
  readonly #random: Random;
  readonly #watches = new Set<Watch>();
  /** Faults of the next requests, one each. */
  readonly #next: { readonly fault: RequestFault; skip: number }[] = [];
  /** The fault of requests until a time, each with that probability. */
  #window: { readonly fault: RequestFault; readonly untilMs: number; readonly probability: number } | undefined;
  #eventsRefusedUntilMs = 0;
  latencyMs = 2;
  inFlight = 0;

  constructor(time: SimulatedTime, walls: WallClocks, random: Random) {
    this.#time = time;
    this.#walls = walls;
    this.#random = random;
    this.objects.onChange = (change, object) => {
      this.onChange?.(change, object);
      for (const watch of this.#watches) this.#tell(watch, change);
    };
  }

  /** Called on every change of an object. */
  onChange: ((change: ApiChange, object: ApiObject) => void) | undefined;

  /** Called on every rejected Event. */
  onEventRefused: (() => void) | undefined;

  /** Called when a watch loses or delays a change, which may be long after its fault began. */
  onChangeLate: (() => void) | undefined;

  /** Called on every request. */
  onRequest: ((request: HttpRequest) => void) | undefined;

  /** Called on every list and watch. */
  onList: (() => void) | undefined;

  get nowMs(): number {
    return this.#walls.now('apiServer');
  }

  /** After `skip` requests, the next `count` get the fault. */
  failNext(fault: RequestFault, count: number, skip = 0): void {
    for (let index = 0; index < count; index++) this.#next.push({ fault, skip: skip + index });
  }

  failUntil(fault: RequestFault, untilMs: number, probability: number): void {
    this.#window = { fault, untilMs, probability };
  }

  /** Events are forbidden until a time, as with a missing RBAC rule. */
  refuseEvents(untilMs: number): void {
    this.#eventsRefusedUntilMs = untilMs;
  }

  heal(): void {
    this.#next.length = 0;
    this.#eventsRefusedUntilMs = 0;
    this.#window = undefined;
    for (const watch of this.#watches) Object.assign(watch, { loses: 0, duplicates: 0, delayMs: 0 });
  }

  failWatches(fault: WatchFault): void {
    for (const watch of [...this.#watches]) {
      if (fault === 'close') this.#end(watch);
      else if (fault === 'gone') this.#gone(watch);
      else if (fault === 'freeze') watch.isFrozen = true;
      else if (fault === 'lose-event') watch.loses += 1;
      else if (fault === 'duplicate-event') watch.duplicates += 1;
      else watch.delayMs = watchDelayMs;
    }
  }

  /** One request of a client, with the result of ApiTransport.send. */
  send(request: HttpRequest, client: ApiClient): Promise<HttpResponse> {
    this.onRequest?.(request);
    if (request.method === 'GET' && request.path.includes('?')) this.onList?.();
    const fault = this.#fault();
    if (fault !== undefined) client.onFault(request, fault);
    this.inFlight += 1;
    const sent = new Promise<HttpResponse>((resolve, reject) => {
      const whileAlive =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          request.signal.removeEventListener('abort', abort);
          if (client.isAlive()) settle(value);
        };
      const fail = whileAlive(reject);
      const abort = (): void => fail(request.signal.reason);
      if (request.signal.aborted) {
        abort();
        return;
      }
      request.signal.addEventListener('abort', abort, { once: true });
      this.#carryOut(request, client, fault, { answer: whileAlive(resolve), fail });
    });
    return sent.finally(() => (this.inFlight -= 1));
  }

  #fault(): RequestFault | undefined {
    const next = this.#next.find(({ skip }) => skip <= 0);
    for (const planned of this.#next) planned.skip -= 1;
    if (next !== undefined) {
      this.#next.splice(this.#next.indexOf(next), 1);
      return next.fault;
    }
    const window = this.#window;
    if (window === undefined || window.untilMs <= this.#time.nowMs) return undefined;
    return this.#random.chance(window.probability) ? window.fault : undefined;
  }

  #carryOut(request: HttpRequest, client: ApiClient, fault: RequestFault | undefined, to: Answering): void {
    const latency = (): number => this.latencyMs * this.#random.between(0.5, 2);
    const extraMs = fault?.kind === 'slow' ? fault.delayMs : 0;
    this.#time.after(latency() + extraMs, () => {
      const failure = fault === undefined ? undefined : failureBefore(fault);
      if (fault?.kind === 'hang-before') return;
      if (failure !== undefined) {
        if (failure instanceof Error) to.fail(failure);
        else to.answer(failure);
        return;
      }
      const answer = this.#answer(request);
      client.onCarriedOut(request);
      if (fault?.kind === 'hang-after') return;
      this.#time.after(latency(), () => {
        if (fault?.kind === 'reset-after') to.fail(connectionLost());
        else to.answer(answer());
      });
    });
  }

  /** Executes the request now; the response's body is created when it is sent. */
  #answer(request: HttpRequest): () => HttpResponse {
    const { pathname, searchParams } = new URL(request.path, 'https://api');
    const route = readPath(pathname);
    if (route === undefined) return () => refusal(404, 'NotFound', 'no such path');
    const { plural, namespace, name } = route;
    if (plural === 'events') return this.#writeEvent(request);
    if (request.method === 'GET') return this.#read(route, searchParams, request.signal);
    if (request.method === 'POST') return this.#create(plural, namespace, request.body ?? '{}');
    if (request.method === 'DELETE') return this.#delete(plural, { namespace, name: name ?? '' }, request.body ?? '{}');
    return () => refusal(405, 'MethodNotAllowed', 'the simulated server has no such method');
  }

  #read({ plural, namespace, name }: Route, query: URLSearchParams, signal: AbortSignal): () => HttpResponse {
    if (name !== undefined) return this.#get(plural, namespace, name);
    if (query.get('watch') === 'true') return () => this.#watch(plural, query, signal);
    return this.#list(plural, query);
  }

  /** Events are not stored: nothing in the simulation reads them, and a cluster deletes them after an hour. */
  #writeEvent({ method, body }: HttpRequest): () => HttpResponse {
    if (this.#time.nowMs < this.#eventsRefusedUntilMs) {
      this.onEventRefused?.();
      return () => refusal(403, 'Forbidden', 'events is forbidden');
    }
    if (method === 'PATCH' && this.#random.chance(0.1)) return () => refusal(404, 'NotFound', 'event not found');
    return () => ok(body ?? '{}', method === 'POST' ? 201 : 200);
  }

  #get(plural: string, namespace: string, name: string): () => HttpResponse {
    const object = this.objects.get(plural, namespace, name);
    if (object === undefined) return () => refusal(404, 'NotFound', `${plural} ${name} not found`, name);
    const json = JSON.stringify(object);
    return () => ok(json);
  }

  #list(plural: string, query: URLSearchParams): () => HttpResponse {
    const selector = query.get('labelSelector');
    const items = [...this.objects.list(plural)].filter(({ metadata }) => matches(metadata.labels, selector));
    const json = JSON.stringify({ metadata: { resourceVersion: String(this.objects.version) }, items });
    return () => ok(json);
  }

  #create(plural: string, namespace: string, body: string): () => HttpResponse {
    const object = JSON.parse(body) as ApiObject;
    object.metadata.namespace = namespace;
    const { name } = object.metadata;
    if (this.objects.get(plural, namespace, name) !== undefined)
      return () => refusal(409, 'AlreadyExists', `${plural} ${name} already exists`, name);
    const json = JSON.stringify(this.objects.create(plural, object, this.nowMs));
    return () => ok(json, 201);
  }

  #delete(plural: string, { namespace, name }: { namespace: string; name: string }, body: string): () => HttpResponse {
    const object = this.objects.get(plural, namespace, name);
    if (object === undefined) return () => refusal(404, 'NotFound', `${plural} ${name} not found`, name);
    const { preconditions } = JSON.parse(body) as { preconditions?: { uid?: string } };
    if (preconditions?.uid !== undefined && preconditions.uid !== object.metadata.uid)
      return () => refusal(409, 'Conflict', 'the UID in the precondition does not match', name);
    this.objects.delete(plural, object);
    return () => ok(JSON.stringify({ kind: 'Status', status: 'Success' }));
  }

  #watch(plural: string, query: URLSearchParams, signal: AbortSignal): HttpResponse {
    const missed = this.objects.since(Number(query.get('resourceVersion') ?? 0));
    if (missed === undefined) return refusal(410, 'Expired', 'too old resource version');
    const body = new Readable({ read: () => undefined });
    body.on('error', () => undefined);
    const selector = query.get('labelSelector');
    const watch: Watch = { body, plural, selector, isFrozen: false, loses: 0, duplicates: 0, delayMs: 0 };
    this.#watches.add(watch);
    const close = (): void => {
      this.#watches.delete(watch);
      body.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    };
    if (signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    for (const change of missed) this.#tell(watch, change);
    this.#time.after(Number(query.get('timeoutSeconds') ?? 300) * 1000 * this.watchPatience, () => this.#end(watch));
    this.#bookmark(watch);
    return { statusCode: 200, retryAfter: undefined, body };
  }

  /** Factor on the requested length of a watch; simulations of months thereby avoid reconnections. */
  watchPatience = 1;

  #bookmark(watch: Watch): void {
    this.#time.after(bookmarkMs * Math.min(2.5, Math.max(1, this.watchPatience)), () => {
      if (!this.#watches.has(watch)) return;
      const metadata = { resourceVersion: String(this.objects.version) };
      if (!watch.isFrozen) watch.body.push(`${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
      this.#bookmark(watch);
    });
  }

  #tell(watch: Watch, { plural, labels, type, json }: ApiChange): void {
    if (watch.isFrozen || plural !== watch.plural || !matches(labels, watch.selector)) return;
    if (watch.loses > 0) {
      watch.loses -= 1;
      this.onChangeLate?.();
      return;
    }
    const line = `{"type":"${type}","object":${json}}\n`;
    const send = (): void => {
      if (!watch.body.destroyed) watch.body.push(line);
    };
    if (watch.delayMs > 0) {
      this.onChangeLate?.();
      this.#time.after(watch.delayMs, send);
    } else send();
    if (watch.duplicates > 0) {
      watch.duplicates -= 1;
      send();
    }
  }

  #end(watch: Watch): void {
    // A frozen connection does not report its end either.
    if (watch.isFrozen || !this.#watches.delete(watch)) return;
    if (!watch.body.destroyed) watch.body.push(null);
  }

  #gone(watch: Watch): void {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
    watch.body.push(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    this.objects.compact();
    this.#end(watch);
  }
}

interface Answering {
  readonly answer: (response: HttpResponse) => void;
  readonly fail: (error: unknown) => void;
}

/** The result of a fault for a request that is not executed. */
function failureBefore(fault: RequestFault): HttpResponse | Error | undefined {
  switch (fault.kind) {
    case 'throttle':
      return refusal(429, 'TooManyRequests', 'simulated', undefined, fault.retryAfterSeconds);
    case 'error':
      return refusal(fault.status, 'InternalError', 'simulated');
    case 'refuse':
      return new CertfleetError('unavailable', 'simulated: connection refused', { reason: 'ConnectionRefused' });
    case 'reset-before':
      return connectionLost();
    case 'reset-after':
    case 'hang-before':
    case 'hang-after':
    case 'slow':
      return undefined;
  }
}

function connectionLost(): CertfleetError {
  return new CertfleetError('unavailable', 'simulated: connection reset', { reason: 'ConnectionLost' });
}

interface Route {
  readonly plural: string;
  readonly namespace: string;
  readonly name: string | undefined;
}

function readPath(pathname: string): Route | undefined {
  const path = /^\/(?:api\/v1|apis\/[^/]+\/[^/]+)(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?$/.exec(pathname);
  const [, namespace = '', plural, name] = path ?? [];
  if (plural === undefined) return undefined;
  return { plural, namespace: decodeURIComponent(namespace), name: name && decodeURIComponent(name) };
}

function ok(json: string, statusCode = 200): HttpResponse {
  return { statusCode, retryAfter: undefined, body: bodyOf(json) };
}

// eslint-disable-next-line max-params -- the fields of a metav1.Status
function refusal(
  code: number,
  reason: string,
  message: string,
  name?: string,
  retryAfterSeconds?: number,
): HttpResponse {
  const status = { kind: 'Status', code, reason, message, ...(name === undefined ? {} : { details: { name } }) };
  return {
    statusCode: code,
    retryAfter: retryAfterSeconds === undefined ? undefined : String(retryAfterSeconds),
    body: bodyOf(JSON.stringify(status)),
  };
}

function bodyOf(text: string): Readable {
  return new Readable({
    read() {
      this.push(text);
      this.push(null);
    },
  });
}

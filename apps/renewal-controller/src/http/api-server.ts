import type { Server as HttpsServer } from 'node:https';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ListenAddress } from '@certfleet/shared/flag-parsers.ts';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyRequest } from 'fastify';
import { anyAddress } from '../bind-address.ts';
import type { CallerTraces, OperatorGate } from '../identity/operator-gate.ts';
import { sourceOf } from '../identity/request-source.ts';
import type { ServingCertificate } from '../identity/serving-certificate.ts';
import type { Api, ApiContext } from './api-context.ts';
import { auditRoutes } from './audit-routes.ts';
import { limitConnections } from './connection-limits.ts';
import { errorResponse } from './error-response.ts';
import { eventRoutes } from './event-routes.ts';
import { EventStreams } from './event-streams.ts';
import { fleetRoutes } from './fleet-routes.ts';
import { laneRoutes } from './lane-routes.ts';
import { checkAccess, checkSource } from './operator-access.ts';
import { pageFiles } from './page-files.ts';
import { renewalRoutes } from './renewal-routes.ts';
import { RequestLimits } from './request-limits.ts';
import { contentPolicy } from './security-headers.ts';
import { sessionCookie, sessionRoutes, unknownUserAt } from './session-routes.ts';
import type { SignInParts } from './session-routes.ts';
import { volumeInspectionRoutes } from './volume-inspection-routes.ts';
import { volumeRoutes } from './volume-routes.ts';

/** What the server works with. */
export interface ApiServerOptions {
  readonly context: ApiContext;
  readonly gate: OperatorGate;
  /** Undefined where a proxy knows operators, or nobody needs to. */
  readonly signIn: SignInParts | undefined;
  readonly certificate: ServingCertificate | undefined;
  /** Requests of one user a minute, and a tenth of those of one address that nobody is known to have sent; 0 for no limit. */
  readonly requestsPerMinute: number;
  /** Addresses and networks of proxies whose X-Forwarded-For is believed; nobody's unless given. */
  readonly trustedProxies?: readonly string[];
  /** Where the built page lies; undefined when it was not built. */
  readonly pageDirectory: string | undefined;
  readonly log: Logger;
}

const limits = {
  bodyLimit: 256 * 1024,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  // A connection over which nothing goes, such as of a reader that does not read. Event streams have a beat.
  connectionTimeout: 60_000,
  // Open streams and idle connections must not hold up a stop.
  forceCloseConnections: true,
  // The names of nodes and the ids of volumes, each of their characters escaped.
  routerOptions: { maxParamLength: 1024 },
};

/** The operators' API and page, not yet listening. */
export async function createApi(options: ApiServerOptions): Promise<Api> {
  const { certificate, context, pageDirectory } = options;
  const api = openServer(options);
  await api.register(helmet, contentPolicy(certificate !== undefined));
  api.setErrorHandler(async (thrown, request, reply) => {
    const { status, body } = errorResponse(thrown);
    const { retryAfterMs, reason } = asCertfleetError(thrown);
    if (retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)));
    // What keeps everybody from being checked is logged once, by the review client.
    if (status >= 500 && reason !== 'ReviewUnavailable')
      options.log.warn({ method: request.method, url: request.url, error: String(thrown) }, 'api request failed');
    await reply.code(status).send(body);
  });
  context.feed.onEvent(() => context.view().forgetStats());
  await api.register((scope) => apiRoutes(scope, options), { prefix: '/api/v1' });
  await pageFiles(api, pageDirectory);
  // Streams end before the server waits for what is open.
  api.addHook('preClose', (done) => {
    context.feed.stop();
    done();
  });
  return api;
}

/** Node's own limits: a head that comes letter by letter is given up, and looked for often. */
const serverLimits = { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 };

function openServer({ certificate, trustedProxies = [] }: ApiServerOptions): Api {
  const trustProxy = trustedProxies.length === 0 ? false : [...trustedProxies];
  const common = { ...limits, trustProxy };
  if (certificate === undefined) {
    const api = fastify({ ...common, http: serverLimits });
    limitConnections(api.server, trustedProxies);
    return api;
  }
  const { certificate: cert, privateKey: key } = certificate.pair;
  const api: Api = fastify({ ...common, https: { ...serverLimits, cert, key } });
  const server = api.server as unknown as HttpsServer;
  limitConnections(server, trustedProxies);
  certificate.onChange((pair) => server.setSecureContext({ cert: pair.certificate, key: pair.privateKey }));
  return api;
}

/** Every route asks for a right before anything of the request's body is looked at. */
async function apiRoutes(api: Api, options: ApiServerOptions): Promise<void> {
  const { context, gate, signIn, certificate, requestsPerMinute } = options;
  const isSecure = certificate !== undefined;
  await api.register(cookie);
  const access = { gate, limits: new RequestLimits({ clock: context.clock, perMinute: requestsPerMinute }) };
  const tracesOf = (request: FastifyRequest): CallerTraces => ({
    headers: request.headers,
    cookie: sessionCookie(request, isSecure),
    source: sourceOf(request.ip),
  });
  await api.register(swagger, { openapi: { info: { title: 'certfleet operators', version: '1' } } });
  api.decorateRequest('operator', '');
  api.decorateRequest('caller', undefined);
  api.decorateRequest('limitedSource', undefined);
  api.addHook('onRequest', (request, _reply, done) => {
    checkSource(access, request, tracesOf(request));
    done();
  });
  api.addHook('preParsing', async (request) => {
    if (request.is404) return;
    const traces = tracesOf(request);
    try {
      await checkAccess(access, request, traces);
    } catch (thrown) {
      noteRefusal(options, { request, traces, error: asCertfleetError(thrown) });
      throw thrown;
    }
  });
  api.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store');
    done();
  });
  for (const add of [fleetRoutes, volumeRoutes, laneRoutes, renewalRoutes, auditRoutes]) {
    add(api, context);
  }
  volumeInspectionRoutes(api, context);
  const streams = new EventStreams({ gate, clock: context.clock });
  sessionRoutes(api, { gate, signIn, audit: context.audit, isSecure, tracesOf, streams });
  eventRoutes(api, { feed: context.feed, streams, tracesOf });
  api.get('/openapi.json', { config: { right: 'anybody' }, schema: { hide: true } }, () => api.swagger());
}

/** Writes down who was refused what. */
function noteRefusal(
  { context, log }: ApiServerOptions,
  { request, traces, error }: { request: FastifyRequest; traces: CallerTraces; error: CertfleetError },
): void {
  if (!isRefusal(request, traces, error)) return;
  const who = request.caller?.user.username ?? unknownUserAt(traces.source ?? 'unknown');
  const target = `${request.method} ${request.routeOptions.url ?? ''}`;
  try {
    void context.audit.refused({ who, action: 'access', target, detail: error.message });
  } catch (thrown) {
    // It must not change the answer.
    log.warn({ error: String(thrown) }, 'refusal not written down');
  }
}

/** Nobody was refused who showed nothing, or whose session has run out. */
function isRefusal({ caller, headers }: FastifyRequest, { cookie }: CallerTraces, error: CertfleetError): boolean {
  if (caller !== undefined) return error.code === 'permission-denied';
  const shown = [cookie, headers.authorization, headers['x-certfleet-proxy-secret']];
  return (
    error.code === 'unauthenticated' && error.reason !== 'SessionExpired' && shown.some((each) => each !== undefined)
  );
}

/** Begins to listen. @returns the port */
export async function listen(api: Api, { host, port }: ListenAddress): Promise<number> {
  const address = await api.listen({ host: host ?? anyAddress(), port });
  return Number(new URL(address).port);
}

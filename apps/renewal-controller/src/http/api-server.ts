import type { Server as HttpsServer } from 'node:https';
import { responseHeaders } from '@certfleet/operator-api/response-headers.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ListenAddress } from '@certfleet/shared/flag-parsers.ts';
import compress from '@fastify/compress';
import cookie from '@fastify/cookie';
import etag from '@fastify/etag';
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { anyAddress } from '../bind-address.ts';
import type { CallerTraces, OperatorGate } from '../identity/operator-gate.ts';
import { sourceOf } from '../identity/request-source.ts';
import type { ServingCertificate } from '../identity/serving-certificate.ts';
import type { Api, ApiContext } from './routes/api-context.ts';
import { auditRoutes } from './routes/audit-routes.ts';
import { limitConnections } from './access/connection-limits.ts';
import { errorResponse } from './error-response.ts';
import { eventRoutes } from './routes/event-routes.ts';
import { EventStreams } from './live/event-streams.ts';
import { fleetRoutes } from './routes/fleet-routes.ts';
import { laneRoutes } from './routes/lane-routes.ts';
import { checkAccess, checkSource } from './access/operator-access.ts';
import { pageFiles } from './routes/page-files.ts';
import { permitRoutes } from './routes/permit-routes.ts';
import { podCertificateRoutes } from './routes/pod-certificate-routes.ts';
import { renewalRoutes } from './routes/renewal-routes.ts';
import { rotationRoutes } from './routes/rotation-routes.ts';
import { RequestLimits } from './access/request-limits.ts';
import { securityHeaders } from './access/security-headers.ts';
import { sessionCookie, sessionRoutes, unknownUserAt } from './routes/session-routes.ts';
import type { SignInParts } from './routes/session-routes.ts';
import { volumeInspectionRoutes } from './routes/volume-inspection-routes.ts';
import { volumeRoutes } from './routes/volume-routes.ts';

export interface ApiServerOptions {
  readonly context: ApiContext;
  readonly gate: OperatorGate;
  /** Authenticates pod certificate signers. */
  readonly signerGate: OperatorGate;
  /** Undefined if a proxy authenticates operators or authentication is off. */
  readonly signIn: SignInParts | undefined;
  readonly certificate: ServingCertificate | undefined;
  /** Requests per minute and user; 0 for no limit. See RequestLimits for the limit per address. */
  readonly requestsPerMinute: number;
  /** Addresses and networks of proxies whose X-Forwarded-For is trusted. */
  readonly trustedProxies?: readonly string[];
  /** Directory of the built page; undefined if it was not built. */
  readonly pageDirectory: string | undefined;
  /** Address of docs/runbook.md, for links to its sections. */
  readonly runbookUrl?: string | undefined;
  readonly log: Logger;
}

const limits = {
  bodyLimit: 256 * 1024,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  // Closes an inactive connection, for example of a client that stopped reading. Event streams have a heartbeat.
  connectionTimeout: 60_000,
  // Open streams and idle connections must not delay a stop.
  forceCloseConnections: true,
  // Allows for names of nodes and ids of volumes with every character escaped.
  routerOptions: { maxParamLength: 1024 },
};

/** Creates the server of the operators' API and page; it does not listen yet. */
export async function createApi(options: ApiServerOptions): Promise<Api> {
  const { certificate, context, pageDirectory } = options;
  const api = openServer(options);
  api.addHook('onRequest', securityHeaders(certificate !== undefined));
  api.setErrorHandler(async (thrown, request, reply) => {
    const { status, body } = errorResponse(thrown);
    const { retryAfterMs, reason } = asCertfleetError(thrown);
    if (retryAfterMs !== undefined) reply.header('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)));
    // The review client logs this failure once.
    if (status >= 500 && reason !== 'ReviewUnavailable')
      options.log.warn({ method: request.method, url: request.url, error: String(thrown) }, 'api request failed');
    await reply.code(status).send(body);
  });
  context.feed.onEvent(() => context.view().forgetStats());
  await api.register((scope) => apiRoutes(scope, options), { prefix: '/api/v1' });
  await pageFiles(api, pageDirectory);
  // End event streams before the server waits for open requests.
  api.addHook('preClose', (done) => {
    context.feed.stop();
    done();
  });
  return api;
}

/** Bounds slow request headers (slowloris); the timeout is checked at this interval. */
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

/** Every route checks its right before the request body is parsed. */
async function apiRoutes(api: Api, options: ApiServerOptions): Promise<void> {
  const { context, gate, signerGate, signIn, certificate, requestsPerMinute, runbookUrl } = options;
  const isSecure = certificate !== undefined;
  await api.register(cookie);
  const limits = new RequestLimits({ clock: context.clock, perMinute: requestsPerMinute });
  const access = { gate, signerGate, limits };
  const tracesOf = (request: FastifyRequest): CallerTraces => ({
    headers: request.headers,
    cookie: sessionCookie(request, isSecure),
    source: sourceOf(request.ip),
  });
  await api.register(etag, { weak: true });
  // Level 1: a table of 100 rows takes about a millisecond.
  await api.register(compress, {
    encodings: ['gzip'],
    globalDecompression: false,
    zlibOptions: { level: 1 },
    syncThreshold: 65_536,
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
      recordRefusal(options, { request, traces, error: asCertfleetError(thrown) });
      throw thrown;
    }
  });
  api.addHook('onRequest', (request, reply, done) => {
    reply.header('cache-control', 'no-store');
    markResponse(request, reply, context.clock.now());
    done();
  });
  for (const add of [fleetRoutes, volumeRoutes, laneRoutes, renewalRoutes, rotationRoutes, auditRoutes]) {
    add(api, context);
  }
  volumeInspectionRoutes(api, context);
  podCertificateRoutes(api, context);
  permitRoutes(api, context);
  const streams = new EventStreams({ gate, clock: context.clock });
  const { audit, cluster, podLabels } = context;
  const showsPodCertificates = context.podCertificates() !== undefined;
  const shown = { cluster, podLabels, showsPodCertificates, runbookUrl };
  sessionRoutes(api, { gate, signIn, audit, isSecure, ...shown, tracesOf, streams });
  eventRoutes(api, { feed: context.feed, streams, tracesOf });
  api.get('/openapi.json', { config: { right: 'anybody' }, schema: { hide: true } }, () => api.swagger());
}

/**
 * Adds the time of the controller, so that the page does not depend on the browser's clock, and repeats the request's
 * mark, so that the page detects a response that belongs to another request.
 */
function markResponse({ headers }: FastifyRequest, reply: FastifyReply, nowMs: number): void {
  const mark = headers[responseHeaders.mark];
  if (typeof mark === 'string' && /^[\w-]{1,64}$/.test(mark)) reply.header(responseHeaders.mark, mark);
  reply.header(responseHeaders.time, String(nowMs));
}

/** Records a refused request in the audit log. */
function recordRefusal(
  { context, log }: ApiServerOptions,
  { request, traces, error }: { request: FastifyRequest; traces: CallerTraces; error: CertfleetError },
): void {
  if (!isRefusal(request, traces, error)) return;
  const who = request.caller?.user.username ?? unknownUserAt(traces.source ?? 'unknown');
  const target = `${request.method} ${request.routeOptions.url ?? ''}`;
  try {
    void context.audit.refused({ who, action: 'access', target, detail: error.message });
  } catch (thrown) {
    // A failure here must not change the response.
    log.warn({ error: String(thrown) }, 'cannot record a refused request');
  }
}

/** Excludes requests without credentials and with expired sessions. */
function isRefusal({ caller, headers }: FastifyRequest, { cookie }: CallerTraces, error: CertfleetError): boolean {
  if (caller !== undefined) return error.code === 'permission-denied';
  const shown = [cookie, headers.authorization, headers['x-certfleet-proxy-secret']];
  return (
    error.code === 'unauthenticated' && error.reason !== 'SessionExpired' && shown.some((each) => each !== undefined)
  );
}

/** @returns the port */
export async function listen(api: Api, { host, port }: ListenAddress): Promise<number> {
  const address = await api.listen({ host: host ?? anyAddress(), port });
  return Number(new URL(address).port);
}

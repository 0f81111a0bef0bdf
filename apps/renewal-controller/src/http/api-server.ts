import { createHash } from 'node:crypto';
import type { Server as HttpsServer } from 'node:https';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ListenAddress } from '@certfleet/shared/flag-parsers.ts';
import cookie from '@fastify/cookie';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyRequest } from 'fastify';
import { anyAddress } from '../bind-address.ts';
import type { OperatorGate } from '../identity/operator-gate.ts';
import type { ServingCertificate } from '../identity/serving-certificate.ts';
import type { Api, ApiContext } from './api-context.ts';
import { auditRoutes } from './audit-routes.ts';
import { errorResponse } from './error-response.ts';
import { eventRoutes } from './event-routes.ts';
import { fleetRoutes } from './fleet-routes.ts';
import { laneRoutes } from './lane-routes.ts';
import { checkAccess } from './operator-access.ts';
import { pageFiles } from './page-files.ts';
import { renewalRoutes } from './renewal-routes.ts';
import { contentPolicy } from './security-headers.ts';
import { sessionCookie, sessionRoutes } from './session-routes.ts';
import type { SignInParts } from './session-routes.ts';
import { volumeEvidenceRoutes } from './volume-evidence-routes.ts';
import { volumeRoutes } from './volume-routes.ts';

/** What the server works with. */
export interface ApiServerOptions {
  readonly context: ApiContext;
  readonly gate: OperatorGate;
  /** Undefined where a proxy knows operators, or nobody needs to. */
  readonly signIn: SignInParts | undefined;
  readonly certificate: ServingCertificate | undefined;
  /** Requests of one caller a minute; 0 for no limit. */
  readonly requestsPerMinute: number;
  /** Where the built page lies; undefined when it was not built. */
  readonly pageDirectory: string | undefined;
  readonly log: Logger;
}

const limits = {
  bodyLimit: 256 * 1024,
  requestTimeout: 30_000,
  keepAliveTimeout: 60_000,
  // Open streams and idle connections must not hold up a stop.
  forceCloseConnections: true,
  // The names of nodes and the ids of volumes, each of their characters escaped.
  routerOptions: { maxParamLength: 1024 },
};

/** The operators' API and page, not yet listening. */
export async function createApi(options: ApiServerOptions): Promise<Api> {
  const { certificate, context, pageDirectory } = options;
  const api = openServer(certificate);
  await api.register(helmet, contentPolicy(certificate !== undefined));
  api.setErrorHandler(async (thrown, request, reply) => {
    const { status, body } = errorResponse(thrown);
    if (status >= 500)
      options.log.warn({ method: request.method, url: request.url, error: String(thrown) }, 'api request failed');
    await reply.code(status).send(body);
  });
  context.feed.onEvent(() => context.view().forgetCensus());
  await api.register((scope) => apiRoutes(scope, options), { prefix: '/api/v1' });
  await pageFiles(api, pageDirectory);
  // Streams end before the server waits for what is open.
  api.addHook('preClose', (done) => {
    context.feed.stop();
    done();
  });
  return api;
}

function openServer(certificate: ServingCertificate | undefined): Api {
  if (certificate === undefined) return fastify(limits);
  const { certificate: cert, privateKey: key } = certificate.pair;
  const api: Api = fastify({ ...limits, https: { cert, key } });
  certificate.onChange((pair) =>
    (api.server as unknown as HttpsServer).setSecureContext({ cert: pair.certificate, key: pair.privateKey }),
  );
  return api;
}

/** Every route asks for a right before anything of the request's body is looked at. */
async function apiRoutes(api: Api, options: ApiServerOptions): Promise<void> {
  const { context, gate, signIn, certificate, requestsPerMinute } = options;
  const isSecure = certificate !== undefined;
  await api.register(cookie);
  if (requestsPerMinute > 0) {
    await api.register(rateLimit, {
      max: requestsPerMinute,
      timeWindow: '1 minute',
      keyGenerator: (request) => callerKey(request, isSecure),
      errorResponseBuilder: (_request, { after }) =>
        new CertfleetError('resource-exhausted', `expected fewer requests; try again in ${after}`),
    });
  }
  await api.register(swagger, { openapi: { info: { title: 'certfleet operators', version: '1' } } });
  api.decorateRequest('operator', '');
  api.decorateRequest('caller', undefined);
  // After the rate limit, which works when a request comes in.
  api.addHook('preParsing', async (request) => {
    if (!request.is404) await checkAccess(gate, request, sessionCookie(request, isSecure));
  });
  api.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store');
    done();
  });
  for (const add of [fleetRoutes, volumeRoutes, laneRoutes, renewalRoutes, auditRoutes]) {
    add(api, context);
  }
  volumeEvidenceRoutes(api, context);
  sessionRoutes(api, { gate, signIn, audit: context.audit, isSecure });
  eventRoutes(api, context.feed);
  api.get('/openapi.json', { config: { right: 'anybody' }, schema: { hide: true } }, () => api.swagger());
}

/** By who asks rather than from where, since a proxy may stand before many. */
function callerKey(request: FastifyRequest, isSecure: boolean): string {
  const proof = sessionCookie(request, isSecure) ?? request.headers.authorization;
  return proof === undefined ? request.ip : createHash('sha256').update(proof).digest('base64');
}

/** Begins to listen. @returns the port */
export async function listen(api: Api, { host, port }: ListenAddress): Promise<number> {
  const address = await api.listen({ host: host ?? anyAddress(), port });
  return Number(new URL(address).port);
}

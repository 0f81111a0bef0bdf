import type { Server as HttpsServer } from 'node:https';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ListenAddress } from '@certfleet/shared/flag-parsers.ts';
import fastify from 'fastify';
import type { AuthorizeOperator, OperatorRight } from '../identity/access-review.ts';
import type { ServingCertificate } from '../identity/serving-certificate.ts';
import type { Api, ApiContext } from './api-context.ts';
import { fleetRoutes } from './fleet-routes.ts';
import { laneRoutes } from './lane-routes.ts';
import { renewalRoutes } from './renewal-routes.ts';
import { volumeRoutes } from './volume-routes.ts';
import { errorResponse } from './error-response.ts';
import { volumeEvidenceRoutes } from './volume-evidence-routes.ts';
import type { VolumeEvidence } from './volume-evidence-routes.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, once the route's right was found to be theirs. */
    operator: string;
  }
  interface FastifyContextConfig {
    /** What a caller needs; a route without one is nobody's. */
    readonly right?: OperatorRight;
  }
}

/** What the server works with. */
export interface ApiServerOptions extends ApiContext, VolumeEvidence {
  readonly authorize: AuthorizeOperator;
  readonly log: Logger;
}

/** The operators' API, not yet listening. Every route asks for a right before anything of the request is looked at. */
export function createApi(options: ApiServerOptions, certificate: ServingCertificate | undefined): Api {
  const limits = {
    bodyLimit: 64 * 1024,
    requestTimeout: 30_000,
    keepAliveTimeout: 60_000,
    // The names of nodes and the ids of volumes, each of their characters escaped.
    routerOptions: { maxParamLength: 1024 },
  };
  const api: Api =
    certificate === undefined
      ? fastify(limits)
      : fastify({
          ...limits,
          https: { cert: certificate.pair.certificate, key: certificate.pair.privateKey },
        });
  certificate?.onChange(({ certificate: cert, privateKey: key }) =>
    (api.server as unknown as HttpsServer).setSecureContext({ cert, key }),
  );
  api.decorateRequest('operator', '');
  api.addHook('onRequest', async (request) => {
    const { right } = request.routeOptions.config;
    if (request.is404) return;
    if (right === undefined) throw new CertfleetError('permission-denied', 'nobody has a right to this');
    const [, token] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? [];
    request.operator = (await options.authorize(token, right)).name;
  });
  api.setErrorHandler(async (thrown, request, reply) => {
    const { status, body } = errorResponse(thrown);
    if (status >= 500)
      options.log.warn({ method: request.method, url: request.url, error: String(thrown) }, 'api request failed');
    await reply.code(status).send(body);
  });
  api.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ code: 'not-found', message: 'there is no such resource' }),
  );
  void api.register(
    (routes, _options, done) => {
      for (const add of [fleetRoutes, volumeRoutes, laneRoutes, renewalRoutes]) add(routes, options);
      volumeEvidenceRoutes(routes, options);
      done();
    },
    { prefix: '/api/v1' },
  );
  return api;
}

/** Begins to listen. @returns the port */
export async function listen(api: Api, { host, port }: ListenAddress): Promise<number> {
  const address = await api.listen({ host: host ?? '::', port });
  return Number(new URL(address).port);
}

import fastify from 'fastify';
import type { Registry } from 'prom-client';
import type { ReplicaStatus } from '../readiness.ts';
import type { Api } from './routes/api-context.ts';

export interface OpsServerOptions {
  readonly registry: Registry;
  readonly status: () => ReplicaStatus;
}

/** Serves metrics and probes on a separate port, without TLS or authentication. They name no pod or volume. */
export function createOpsServer({ registry, status }: OpsServerOptions): Api {
  const server: Api = fastify({ bodyLimit: 1024, requestTimeout: 10_000 });
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const { isReady, ...said } = status();
    return await reply.code(isReady ? 200 : 503).send(said);
  });
  server.get('/metrics', async (_request, reply) => {
    return await reply.type(registry.contentType).send(await registry.metrics());
  });
  return server;
}

import fastify from 'fastify';
import type { Registry } from 'prom-client';
import type { Api } from './api-context.ts';

/** What Prometheus and the kubelet ask for. */
export interface OpsServerOptions {
  readonly registry: Registry;
  /** Why the controller cannot do its work now; undefined when it can. */
  readonly notReady: () => string | undefined;
}

/** Metrics and probes, without TLS or tokens, on a port of their own; nothing of them names a pod or a volume. */
export function createOpsServer({ registry, notReady }: OpsServerOptions): Api {
  const server: Api = fastify({ bodyLimit: 1024, requestTimeout: 10_000 });
  server.get('/healthz', () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const reason = notReady();
    return await reply.code(reason === undefined ? 200 : 503).send({ status: reason ?? 'ok' });
  });
  server.get('/metrics', async (_request, reply) => {
    return await reply.type(registry.contentType).send(await registry.metrics());
  });
  return server;
}

import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { parseRedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { Cluster, Redis } from 'ioredis';

const longestReconnectMs = 5_000;

/**
 * A connection to the Redis that the controller names, as this node's user. It reconnects for ever; errors are events.
 * @throws CertfleetError invalid-argument when the controller's description cannot be used
 */
export function openRedis({ connection, username, password }: RedisAccess): Redis | Cluster {
  const { kind, servers, masterName, db = 0, tls } = parseRedisEndpoint(connection);
  const secure = tls && {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
  };
  const common = {
    username,
    password,
    db,
    // BullMQ's rule for workers: a command waits for the connection instead of failing.
    maxRetriesPerRequest: null,
    // Asks with INFO, which answers "loading" before the user may be known again.
    enableReadyCheck: false,
    connectTimeout: 10_000,
    // A server that vanished without a word; a blocking read would wait for it for ever.
    keepAlive: 30_000,
    retryStrategy: (attempt: number) =>
      Math.min(250 * 2 ** Math.min(attempt, 8), longestReconnectMs) * (0.5 + Math.random() / 2),
    ...(secure === undefined ? {} : { tls: secure }),
  };
  if (kind === 'cluster') {
    return new Cluster(
      servers.map(({ host, port }) => ({ host, port })),
      { redisOptions: common, enableReadyCheck: false },
    );
  }
  if (kind === 'sentinel') {
    return new Redis({
      ...common,
      sentinels: servers.map(({ host, port }) => ({ host, port })),
      name: masterName ?? '',
      enableTLSForSentinelMode: secure !== undefined,
      ...(secure === undefined ? {} : { sentinelTLS: secure }),
    });
  }
  const [server] = servers;
  return new Redis({ ...common, ...server });
}

/** Makes every further connection of a client with another password; those that stand stay as they are. */
export function usePassword(client: Redis | Cluster, password: string): void {
  if (client instanceof Cluster) {
    const { redisOptions } = client.options;
    if (redisOptions !== undefined) redisOptions.password = password;
    for (const node of client.nodes()) node.options.password = password;
  } else client.options.password = password;
}

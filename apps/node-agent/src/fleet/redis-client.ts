import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { parseRedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { redisTls } from '@certfleet/shared/redis-tls.ts';
import type { ClientCertificateFiles, RedisTls } from '@certfleet/shared/redis-tls.ts';
import { Cluster, Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';

const longestReconnectMs = 5_000;

/**
 * A connection to the Redis that the controller names, as this node's user. It reconnects for ever; errors are events.
 * @throws CertfleetError invalid-argument when the controller's description cannot be used
 */
export function openRedis(
  { connection, username, password }: RedisAccess,
  certificate?: ClientCertificateFiles,
): Redis | Cluster {
  const endpoint = parseRedisEndpoint(connection);
  const { kind, servers, db = 0 } = endpoint;
  const tls = tlsOf(endpoint, certificate);
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
    retryStrategy: reconnectDelayMs,
    // A master that became a replica answers so until the client asks again who is the master.
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? (2 as const) : false),
    ...(tls && { tls }),
  };
  if (kind === 'cluster') {
    const options = { redisOptions: common, enableReadyCheck: false, clusterRetryStrategy: reconnectDelayMs };
    return new Cluster(
      servers.map(({ host, port }) => ({ host, port })),
      // Certificates name hosts, not the addresses that DNS gives for them.
      { ...options, dnsLookup: (address, callback) => callback(null, address) },
    );
  }
  if (kind === 'sentinel') return new Redis({ ...common, ...sentinelOptions(endpoint, tls) });
  const [server] = servers;
  return new Redis({ ...common, ...server });
}

function sentinelOptions(
  { servers, masterName, sentinelUser }: RedisEndpoint,
  tls: RedisTls | undefined,
): SentinelPart {
  return {
    sentinels: servers.map(({ host, port }) => ({ host, port })),
    name: masterName ?? '',
    sentinelRetryStrategy: reconnectDelayMs,
    ...(sentinelUser && { sentinelPassword: sentinelUser.password }),
    ...(sentinelUser?.username !== undefined && { sentinelUsername: sentinelUser.username }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

type SentinelPart = Pick<
  RedisOptions,
  | 'sentinels'
  | 'name'
  | 'sentinelRetryStrategy'
  | 'sentinelUsername'
  | 'sentinelPassword'
  | 'enableTLSForSentinelMode'
  | 'sentinelTLS'
>;

function tlsOf({ tls }: RedisEndpoint, certificate: ClientCertificateFiles | undefined): RedisTls | undefined {
  return tls && redisTls({ ca: () => tls.ca, serverName: tls.serverName, certificate });
}

/** From a quarter of a second to five, spread, so that a fleet does not come back to a restarted server all at once. */
function reconnectDelayMs(attempt: number): number {
  return Math.min(250 * 2 ** Math.min(attempt, 8), longestReconnectMs) * (0.5 + Math.random() / 2);
}

/** Makes every further connection of a client with another password; those that stand stay as they are. */
export function usePassword(client: Redis | Cluster, password: string): void {
  if (client instanceof Cluster) {
    const { redisOptions } = client.options;
    if (redisOptions !== undefined) redisOptions.password = password;
    for (const node of client.nodes()) node.options.password = password;
  } else client.options.password = password;
}

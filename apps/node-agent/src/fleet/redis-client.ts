import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { parseRedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { reconnectOnFault } from '@certfleet/shared/redis-errors.ts';
import { redisTls } from '@certfleet/shared/redis-tls.ts';
import type { ClientCertificateFiles, RedisTls } from '@certfleet/shared/redis-tls.ts';
import { Cluster, Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';

const maxReconnectMs = 5_000;

/**
 * How long an answer may take, in milliseconds: a server whose machine vanishes sends no FIN, and the kernel would wait
 * for a quarter of an hour. Where reads block it is longer than they may.
 */
const socketTimeouts = { commands: 8_000, blocking: 20_000 } as const;
/** How long a read of the queue blocks, in seconds: an idle agent costs Redis a few commands in this time. */
export const blockSeconds = 15;

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
    // The node's user has the right to the commands of its queue alone.
    disableClientInfo: true,
    connectTimeout: 5_000,
    socketTimeout: socketTimeouts.commands,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
    reconnectOnError: reconnectOnFault(() => systemClock.monotonic()),
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
    sentinelCommandTimeout: 5_000,
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
  | 'sentinelCommandTimeout'
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
  return Math.min(250 * 2 ** Math.min(attempt, 8), maxReconnectMs) * (0.5 + Math.random() / 2);
}

/** Lets a client's reads block: for the copy of a client that BullMQ makes for that. */
export function allowBlocking(client: Redis | Cluster): void {
  const allow = (options: RedisOptions): void => void (options.socketTimeout = socketTimeouts.blocking);
  if (!(client instanceof Cluster)) {
    allow(client.options);
    return;
  }
  for (const node of client.nodes()) allow(node.options);
  client.on('+node', ({ options }: Redis) => allow(options));
}

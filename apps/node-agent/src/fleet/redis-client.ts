import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
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
 * Response timeouts in milliseconds: a server whose machine disappears sends no FIN, and the kernel would wait for a
 * quarter of an hour. The one for blocking reads is longer than the block time.
 */
const socketTimeouts = { commands: 8_000, blocking: 20_000 } as const;
/** Block time of a read of the queue, in seconds: an idle agent sends Redis a few commands in this time. */
export const blockSeconds = 15;

/**
 * Opens a connection to the Redis that the controller names, as this node's user. It reconnects without limit; errors
 * are emitted as events.
 * @throws CertfleetError invalid-argument if the controller's description cannot be used
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
    // BullMQ requires it of workers: a command waits for the connection instead of failing.
    maxRetriesPerRequest: null,
    // The check uses INFO, which answers "loading" before the user may be known again.
    enableReadyCheck: false,
    // The node's user may only use the commands of its queue.
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
      // Certificates contain host names, not the addresses that DNS returns.
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

/** From 250 ms to 5 s with jitter, so that a fleet does not reconnect to a restarted server at the same time. */
function reconnectDelayMs(attempt: number): number {
  return doubledDelayMs(250, attempt, maxReconnectMs) * (0.5 + Math.random() / 2);
}

/** Lets reads of a client block; for the duplicate that BullMQ creates for this purpose. */
export function allowBlocking(client: Redis | Cluster): void {
  const allow = (options: RedisOptions): void => void (options.socketTimeout = socketTimeouts.blocking);
  if (!(client instanceof Cluster)) {
    allow(client.options);
    return;
  }
  for (const node of client.nodes()) allow(node.options);
  client.on('+node', ({ options }: Redis) => allow(options));
}

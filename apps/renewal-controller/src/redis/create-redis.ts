import { readFileSync } from 'node:fs';
import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { reconnectOnFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisFault } from '@certfleet/shared/redis-errors.ts';
import { lastReadable, useFreshPassword } from '@certfleet/shared/redis-password.ts';
import { redisTls } from '@certfleet/shared/redis-tls.ts';
import type { RedisTls } from '@certfleet/shared/redis-tls.ts';
import { Cluster } from 'ioredis';
import type { Redis, RedisOptions } from 'ioredis';
import { CorkedRedis } from './corked-redis.ts';
import { parseRedisUrl } from './redis-url.ts';

/** A connection to one server (or to the master that Sentinels name), or to a Cluster. */
export type RedisClient = Redis | Cluster;

/** The configuration of Redis; TLS and password files are read for each connection, so that rotated ones are used. */
export interface RedisConfig {
  readonly url: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPasswordFile?: string;
  /** PEM. Any of these three files enables TLS, regardless of the scheme of the URL. */
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** The name expected in the server's certificate if it is not the host. */
  readonly serverName?: string;
}

/**
 * `commands`: fails at once while Redis is unavailable. `worker`: BullMQ's workers wait for Redis instead, and their
 * blocking connection must never give up. `follower`: like a worker, with reads that block for one second.
 * `subscriber`: like a worker; its owner subscribes.
 */
export type RedisRole = 'commands' | 'worker' | 'follower' | 'subscriber';

/** Called for every error reply that indicates a fault of the server, not of the command. */
export type OnRedisFault = (fault: RedisFault, error: Error) => void;

/** ioredis' types require either no mapping of replies or one of two. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** The address of Redis, without credentials. */
export function redisEndpoint(config: RedisConfig): RedisEndpoint {
  const { endpoint, tls } = parseRedisUrl(config.url);
  const { caFile, certificateFile, serverName } = config;
  if (!tls && caFile === undefined && certificateFile === undefined) return endpoint;
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') };
  return { ...endpoint, tls: { ...ca, ...(serverName !== undefined && { serverName }) } };
}

/** How agents reach Redis, where that differs from the controller's connection. */
export interface NodeRedis {
  readonly url: string | undefined;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPasswordFile: string | undefined;
}

/** The endpoint sent to agents: the servers, the CA and the Sentinel credentials. */
export function nodeEndpoint(config: RedisConfig, node: NodeRedis): RedisEndpoint {
  const endpoint = redisEndpoint({ ...config, url: node.url ?? config.url });
  const password = secretFile(node.sentinelPasswordFile);
  if (endpoint.kind !== 'sentinel' || password === undefined) return endpoint;
  const { sentinelUsername: username } = node;
  return { ...endpoint, sentinelUser: { ...(username !== undefined && { username }), password } };
}

/**
 * Creates every Redis client. A client for commands connects at its first command or `connect()`, the others at once.
 */
export function createRedis(
  config: RedisConfig,
  role: RedisRole,
  connectionName: string,
  onFault?: OnRedisFault,
): RedisClient {
  const secrets = {
    password: lastReadable(() => passwordOf(config)),
    sentinelPassword: lastReadable(() => secretFile(config.sentinelPasswordFile)),
  };
  const client = newClient(config, role, { connectionName, password: secrets.password(), onFault });
  return withFreshPasswords(client, secrets);
}

type ReadSecrets = Readonly<Record<'password' | 'sentinelPassword', () => string | undefined>>;

/** BullMQ duplicates the clients of its workers; a duplicate would keep the password read at its creation. */
function withFreshPasswords(client: RedisClient, secrets: ReadSecrets): RedisClient {
  useFreshPassword(client, secrets.password);
  if (!client.isCluster) useFreshPassword(client, secrets.sentinelPassword, 'sentinelPassword');
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
  client.duplicate = ((...args: unknown[]) => withFreshPasswords(duplicate(...args), secrets)) as never;
  return client;
}

interface ClientIdentity {
  readonly connectionName: string;
  readonly password: string | undefined;
  readonly onFault: OnRedisFault | undefined;
}

function newClient(config: RedisConfig, role: RedisRole, identity: ClientIdentity): RedisClient {
  const { connectionName, password, onFault } = identity;
  const username = config.username ?? parseRedisUrl(config.url).username;
  const endpoint = redisEndpoint(config);
  const tls = tlsOf(config, endpoint);
  const options: ClientOptions = {
    ...roleOptions[role],
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
    db: endpoint.db ?? 0,
    connectionName,
    // BullMQ would connect an idle client once, and give up permanently if Redis is unavailable at that moment.
    lazyConnect: role === 'commands',
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
    reconnectOnError: reconnectOnFault(() => systemClock.monotonic(), onFault),
  };
  if (endpoint.kind === 'cluster') return createCluster(endpoint, role, options);
  if (endpoint.kind === 'sentinel') return new CorkedRedis({ ...options, ...sentinelOptions(config, endpoint, tls) });
  return new CorkedRedis({ ...options, ...endpoint.servers[0] });
}

/**
 * Every role has a socket timeout: a server whose machine vanishes sends no FIN, and the kernel would wait for 15
 * minutes. It runs while a response is due, so it exceeds the longest blocking read: 10 s for BullMQ, 1 s for ours.
 */
const roleOptions: Readonly<Record<RedisRole, ClientOptions>> = {
  commands: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000, socketTimeout: 8_000 },
  worker: { maxRetriesPerRequest: null, socketTimeout: 15_000 },
  follower: { maxRetriesPerRequest: null, socketTimeout: 5_000 },
  // ioredis' automatic resubscription leaves an unhandled rejection if the client is closed during it.
  subscriber: { maxRetriesPerRequest: null, autoResubscribe: false, socketTimeout: 8_000 },
};

function createCluster(endpoint: RedisEndpoint, role: RedisRole, options: ClientOptions): Cluster {
  const { retryStrategy, enableOfflineQueue, lazyConnect, ...redisOptions } = options;
  return new Cluster(
    endpoint.servers.map(({ host, port }) => ({ host, port })),
    {
      redisOptions,
      lazyConnect: lazyConnect ?? true,
      enableOfflineQueue: enableOfflineQueue ?? true,
      // A Cluster client creates its own node clients, without CorkedRedis.
      enableAutoPipelining: role === 'commands',
      ...(retryStrategy !== undefined && { clusterRetryStrategy: retryStrategy }),
      // Certificates contain host names, not resolved addresses.
      dnsLookup: (address, callback) => callback(null, address),
    },
  );
}

function sentinelOptions(config: RedisConfig, endpoint: RedisEndpoint, tls: RedisTls | undefined): ClientOptions {
  const sentinelPassword = secretFile(config.sentinelPasswordFile);
  const { sentinelUsername } = config;
  return {
    sentinels: endpoint.servers.map(({ host, port }) => ({ host, port })),
    name: endpoint.masterName ?? '',
    sentinelRetryStrategy: reconnectDelayMs,
    sentinelCommandTimeout: 5_000,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls !== undefined && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

/** 50 ms to 2 s, randomized, so that replicas do not all reconnect to a restarted server at once. */
function reconnectDelayMs(attempt: number): number {
  return doubledDelayMs(50, attempt, 2_000) * (0.5 + Math.random() / 2);
}

function passwordOf({ url, passwordFile }: RedisConfig): string | undefined {
  return secretFile(passwordFile) ?? parseRedisUrl(url).password;
}

function tlsOf(config: RedisConfig, { tls }: RedisEndpoint): RedisTls | undefined {
  if (tls === undefined) return undefined;
  const { caFile, certificateFile, keyFile } = config;
  return redisTls({
    ca: () => (caFile === undefined ? undefined : readFileSync(caFile, 'utf8')),
    serverName: tls.serverName,
    certificate: certificateFile === undefined || keyFile === undefined ? undefined : { certificateFile, keyFile },
  });
}

/** Reads a file that contains only a secret; a trailing newline is ignored. */
function secretFile(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

import { readFileSync } from 'node:fs';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { Cluster, Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';
import { parseRedisUrl } from './redis-url.ts';

/** A connection to one server (or to the master that Sentinels name), or to a Cluster. */
export type RedisClient = Redis | Cluster;

/** Redis as an operator names it; files are read when a client is made, so that rotated ones are found. */
export interface RedisConfig {
  readonly url: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly sentinelPasswordFile?: string;
  /** PEM; with any of these three TLS is used whatever the URL's scheme. */
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  /** The name that the server's certificate must hold when it is not the host's. */
  readonly serverName?: string;
}

/**
 * `commands`: fails at once while Redis is away. `worker`: BullMQ's workers wait for it instead, and their blocking
 * connection must never give up.
 */
export type RedisRole = 'commands' | 'worker';

/** ioredis' types take either no mapping of replies at all or one of two. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** Where Redis is, without who speaks: what the agents are told. */
export function redisEndpoint(config: RedisConfig): RedisEndpoint {
  const { endpoint, tls } = parseRedisUrl(config.url);
  const { caFile, certificateFile, serverName } = config;
  if (!tls && caFile === undefined && certificateFile === undefined) return endpoint;
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') };
  return { ...endpoint, tls: { ...ca, ...(serverName !== undefined && { serverName }) } };
}

/** The one place where clients are made. One for commands connects at its first command or `connect()`, a worker's now. */
export function createRedis(config: RedisConfig, role: RedisRole, connectionName: string): RedisClient {
  const endpoint = redisEndpoint(config);
  const tls = tlsOptions(config, endpoint);
  const options: ClientOptions = {
    ...roleOptions[role],
    ...credentials(config),
    ...(tls !== undefined && { tls }),
    db: endpoint.db ?? 0,
    connectionName,
    // BullMQ would connect an idle client itself, once, and give up for ever when Redis is not there at that moment.
    lazyConnect: role === 'commands',
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: reconnectDelayMs,
    // A master that became a replica answers so until the client asks the Sentinels again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  };
  if (endpoint.kind === 'cluster') return createCluster(endpoint, options);
  if (endpoint.kind === 'sentinel') return new Redis({ ...options, ...sentinelOptions(config, endpoint, tls) });
  return new Redis({ ...options, ...endpoint.servers[0] });
}

const roleOptions: Readonly<Record<RedisRole, ClientOptions>> = {
  commands: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000, enableAutoPipelining: true },
  worker: { maxRetriesPerRequest: null },
};

function createCluster(endpoint: RedisEndpoint, options: ClientOptions): Cluster {
  const { retryStrategy, enableOfflineQueue, lazyConnect, enableAutoPipelining, ...redisOptions } = options;
  return new Cluster(
    endpoint.servers.map(({ host, port }) => ({ host, port })),
    {
      redisOptions,
      lazyConnect: lazyConnect ?? true,
      enableOfflineQueue: enableOfflineQueue ?? true,
      enableAutoPipelining: enableAutoPipelining ?? false,
      ...(retryStrategy !== undefined && { clusterRetryStrategy: retryStrategy }),
      // Certificates name hosts, not the addresses that DNS gives for them.
      dnsLookup: (address, callback) => callback(null, address),
    },
  );
}

function sentinelOptions(config: RedisConfig, endpoint: RedisEndpoint, tls: TlsOptions | undefined): ClientOptions {
  const sentinelPassword = secretFile(config.sentinelPasswordFile);
  return {
    sentinels: endpoint.servers.map(({ host, port }) => ({ host, port })),
    name: endpoint.masterName ?? '',
    sentinelRetryStrategy: reconnectDelayMs,
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls !== undefined && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

/** From 50 ms to 2 s, spread, so that replicas do not come back to a restarted server all at once. */
function reconnectDelayMs(attempt: number): number {
  return Math.min(2_000, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

function credentials(config: RedisConfig): Pick<ClientOptions, 'username' | 'password'> {
  const url = parseRedisUrl(config.url);
  const username = config.username ?? url.username;
  const password = secretFile(config.passwordFile) ?? url.password;
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) };
}

type TlsOptions = NonNullable<ClientOptions['tls']>;

function tlsOptions({ certificateFile, keyFile }: RedisConfig, { tls }: RedisEndpoint): TlsOptions | undefined {
  if (tls === undefined) return undefined;
  return {
    ...(tls.ca !== undefined && { ca: tls.ca }),
    ...(tls.serverName !== undefined && { servername: tls.serverName }),
    ...(certificateFile !== undefined && { cert: readFileSync(certificateFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  };
}

function secretFile(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

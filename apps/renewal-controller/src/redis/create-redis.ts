import { readFileSync } from 'node:fs';
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

/** Redis as an operator names it; files of TLS and of passwords are read for each connection, so that renewed ones are used. */
export interface RedisConfig {
  readonly url: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly sentinelUsername?: string;
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
 * connection must never give up. `follower`: as a worker's, with reads that block for a second. `subscriber`: as a
 * worker's, and subscribes when its owner says so.
 */
export type RedisRole = 'commands' | 'worker' | 'follower' | 'subscriber';

/** Called with every error reply that says something of the server, not of the command. */
export type OnRedisFault = (fault: RedisFault, error: Error) => void;

/** ioredis' types take either no mapping of replies at all or one of two. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

/** Where Redis is, without who speaks. */
export function redisEndpoint(config: RedisConfig): RedisEndpoint {
  const { endpoint, tls } = parseRedisUrl(config.url);
  const { caFile, certificateFile, serverName } = config;
  if (!tls && caFile === undefined && certificateFile === undefined) return endpoint;
  const ca = caFile === undefined ? {} : { ca: readFileSync(caFile, 'utf8') };
  return { ...endpoint, tls: { ...ca, ...(serverName !== undefined && { serverName }) } };
}

/** How agents reach Redis, where that is unlike the controller's own way. */
export interface NodeRedis {
  readonly url: string | undefined;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPasswordFile: string | undefined;
}

/** What agents are told: the servers, the CA by which to know them, and who to be to the Sentinels. */
export function nodeEndpoint(config: RedisConfig, node: NodeRedis): RedisEndpoint {
  const endpoint = redisEndpoint({ ...config, url: node.url ?? config.url });
  const password = secretFile(node.sentinelPasswordFile);
  if (endpoint.kind !== 'sentinel' || password === undefined) return endpoint;
  const { sentinelUsername: username } = node;
  return { ...endpoint, sentinelUser: { ...(username !== undefined && { username }), password } };
}

/** The one place where clients are made. One for commands connects at its first command or `connect()`, a worker's now. */
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

/** BullMQ copies the clients of its workers; a copy would keep the password of the time at which it was made. */
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
    // BullMQ would connect an idle client itself, once, and give up for ever when Redis is not there at that moment.
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
 * Every role has a socket timeout: a server whose machine vanishes sends no FIN, and the kernel would wait for a quarter
 * of an hour. It runs while an answer is due, so it is longer than a read may block: 10 s for BullMQ's, 1 s for ours.
 */
const roleOptions: Readonly<Record<RedisRole, ClientOptions>> = {
  commands: { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: 5_000, socketTimeout: 8_000 },
  worker: { maxRetriesPerRequest: null, socketTimeout: 15_000 },
  follower: { maxRetriesPerRequest: null, socketTimeout: 5_000 },
  // The client's own way to subscribe again leaves a rejection that nobody handles when it is closed in the middle.
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
      // A Cluster makes its nodes' clients itself: no CorkedRedis there.
      enableAutoPipelining: role === 'commands',
      ...(retryStrategy !== undefined && { clusterRetryStrategy: retryStrategy }),
      // Certificates name hosts, not the addresses that DNS gives for them.
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

/** From 50 ms to 2 s, spread, so that replicas do not come back to a restarted server all at once. */
function reconnectDelayMs(attempt: number): number {
  return Math.min(2_000, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
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

/** A secret that is alone in its file; editors end it with a newline. */
function secretFile(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8').replace(/\r?\n$/, '');
}

import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import type { RedisClient } from '../redis/create-redis.ts';
import { loadQueueScripts, queueScripts } from '../redis/queue-scripts.ts';
import { nodeQueueName, nodeQueuePrefix, shortHash } from '../redis/redis-keys.ts';
import type { NodeAccess } from './node-access.ts';

export interface RedisAclOptions {
  readonly redis: RedisClient;
  /** The controller's key prefix. */
  readonly prefix: string;
  /** Read at each grant, so that a rotated CA is sent. */
  readonly endpoint: () => RedisEndpoint;
  readonly clock: Clock;
  readonly lifetimeMs: number;
}

/**
 * Commands of a node's user: the scripts of its queue by hash, and the commands that these call, because Redis checks a
 * script by the rights of its caller; a script without a right stops half-way and is not rolled back. EVAL, SCRIPT and
 * FUNCTION are excluded: with a script a node could block Redis. Called directly, each of these commands works only on
 * keys of the node's queue.
 */
const queueCommands = [
  ...['bzpopmin', 'del', 'exists', 'get', 'set', 'incr', 'pexpire', 'pttl'],
  ...['hdel', 'hexists', 'hget', 'hgetall', 'hincrby', 'hmget', 'hmset', 'hset'],
  ...['llen', 'lpush', 'lrange', 'lrem', 'rpoplpush', 'rpush'],
  ...['sadd', 'scard', 'smembers', 'srem', 'xadd', 'xtrim'],
  ...['zadd', 'zcard', 'zpopmin', 'zrange', 'zrangebyscore', 'zrem', 'zscore'],
];

/** HELLO and AUTH need no right. */
const connectionCommands = ['ping', 'quit', 'client|setname'];

const clusterCommands = ['cluster|slots', 'cluster|nodes', 'asking', 'readonly'];

/** The ACL SETUSER rules of a node's user, including its keys and channels. */
export function nodeUserRules(queuePrefix: string, { kind, db = 0 }: RedisEndpoint): readonly string[] {
  return [
    'resetchannels',
    `~${queuePrefix}:${nodeQueueName}:*`,
    '-@all',
    ...queueScripts.map(({ sha }) => `+evalsha|${sha}`),
    ...[...queueCommands, ...connectionCommands].map((command) => `+${command}`),
    ...(kind === 'cluster' ? clusterCommands.map((command) => `+${command}`) : []),
    // The key pattern applies to all databases, so allow only the node's own.
    ...(db === 0 ? [] : [`+select|${db}`]),
  ];
}

/** Gives each node its own Redis user, restricted to the keys of that node's queue. */
export class RedisAcl implements NodeAccess {
  readonly #options: RedisAclOptions;

  constructor(options: RedisAclOptions) {
    this.#options = options;
  }

  /** Keeps the previous password valid beside the new one, so that the agent can switch without interruption. */
  async grant(node: string): Promise<RedisAccess> {
    const { prefix, endpoint, clock, lifetimeMs } = this.#options;
    const username = userOf(prefix, node);
    const password = randomBytes(32).toString('base64url');
    const queuePrefix = nodeQueuePrefix(prefix, node);
    const rules = nodeUserRules(queuePrefix, endpoint());
    for (const server of this.#servers()) {
      // The queue scripts must be loaded before the agent connects.
      const [hashes] = await Promise.all([passwordHashes(server, username), loadQueueScripts(server)]);
      // Send only hashes, so that the slow log and MONITOR never contain a password.
      const passwords = [...hashes.slice(-1).map((hash) => `#${hash}`), `#${sha256(password)}`];
      await acl(server, 'SETUSER', username, 'reset', 'on', ...passwords, ...rules);
    }
    return {
      connection: JSON.stringify(endpoint()),
      username,
      password,
      expiresAt: new Date(clock.now() + lifetimeMs),
      queue: nodeQueueName,
      prefix: queuePrefix,
    };
  }

  async stands(node: string, { password }: RedisAccess): Promise<boolean> {
    const username = userOf(this.#options.prefix, node);
    const held = await Promise.all(this.#servers().map((server) => passwordHashes(server, username)));
    return held.every((hashes) => hashes.includes(sha256(password)));
  }

  async revoke(node: string): Promise<void> {
    for (const server of this.#servers()) await acl(server, 'DELUSER', userOf(this.#options.prefix, node));
  }

  /** Each server has its own users; a Cluster does not replicate them. */
  #servers(): readonly Redis[] {
    const { redis } = this.#options;
    return redis instanceof Cluster ? redis.nodes('all') : [redis];
  }
}

/** User name of a node. The node's name is hashed, because it may contain separators of Redis. */
function userOf(prefix: string, node: string): string {
  return `${prefix}-node-${shortHash(node)}`;
}

/** Password hashes of a user, the newest last; empty if there is no such user. */
async function passwordHashes(server: Redis, username: string): Promise<readonly string[]> {
  const user = await acl(server, 'GETUSER', username);
  if (!Array.isArray(user)) return [];
  const fields: readonly unknown[] = user;
  const passwords: unknown = fields[fields.indexOf('passwords') + 1];
  return Array.isArray(passwords) ? passwords.filter((each) => typeof each === 'string') : [];
}

async function acl(server: Redis, ...args: [string, ...string[]]): Promise<unknown> {
  try {
    return await server.call('ACL', ...args);
  } catch (thrown) {
    if (!(thrown instanceof Error) || !/^(NOPERM|ERR unknown command)/.test(thrown.message)) throw thrown;
    const message =
      'Redis does not let the controller manage ACL users; grant the right or set --redis-node-access=shared';
    throw new CertfleetError('permission-denied', message, { reason: 'AclForbidden' });
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

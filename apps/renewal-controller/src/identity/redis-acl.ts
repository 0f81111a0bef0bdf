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

/** What access is made from. */
export interface RedisAclOptions {
  readonly redis: RedisClient;
  /** The controller's key prefix. */
  readonly prefix: string;
  /** Read at each grant, so that a rotated CA is told. */
  readonly endpoint: () => RedisEndpoint;
  readonly clock: Clock;
  readonly lifetimeMs: number;
}

/**
 * Commands of a node's user: the scripts of its queue by their hashes, and what those call, since Redis holds a script to
 * its caller's rights; a script that meets a missing one stops half-way, and Redis does not undo the first half. No EVAL,
 * SCRIPT or FUNCTION: a node that brings a script of its own could hold up Redis for everybody. Of the commands that
 * could be called by themselves each works on keys of the node's queue alone.
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

/** The rules of a node's user, keys and channels included, in the words of ACL SETUSER. */
export function nodeUserRules(queuePrefix: string, { kind, db = 0 }: RedisEndpoint): readonly string[] {
  return [
    'resetchannels',
    `~${queuePrefix}:${nodeQueueName}:*`,
    '-@all',
    ...queueScripts.map(({ sha }) => `+evalsha|${sha}`),
    ...[...queueCommands, ...connectionCommands].map((command) => `+${command}`),
    ...(kind === 'cluster' ? clusterCommands.map((command) => `+${command}`) : []),
    // The key pattern holds in all databases, so the node may go to its own alone.
    ...(db === 0 ? [] : [`+select|${db}`]),
  ];
}

/** Gives each node a Redis user of its own, which reaches the keys of that node's queue alone. */
export class RedisAcl implements NodeAccess {
  readonly #options: RedisAclOptions;

  constructor(options: RedisAclOptions) {
    this.#options = options;
  }

  /** The user keeps the password of the last grant beside the new one, so that an agent may change over in its own time. */
  async grant(node: string): Promise<RedisAccess> {
    const { prefix, endpoint, clock, lifetimeMs } = this.#options;
    const username = userOf(prefix, node);
    const password = randomBytes(32).toString('base64url');
    const queuePrefix = nodeQueuePrefix(prefix, node);
    const rules = nodeUserRules(queuePrefix, endpoint());
    for (const server of this.#servers()) {
      // An agent that connects at once must find its scripts.
      const [hashes] = await Promise.all([passwordHashes(server, username), loadQueueScripts(server)]);
      // As hashes: Redis' log of slow commands and MONITOR never see a password.
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

  /** Users live on each server by itself: a Cluster does not pass them on. */
  #servers(): readonly Redis[] {
    const { redis } = this.#options;
    return redis instanceof Cluster ? redis.nodes('all') : [redis];
  }
}

/** The name of a node's user; of the node only a hash, since names may hold what Redis takes for a separator. */
function userOf(prefix: string, node: string): string {
  return `${prefix}-node-${shortHash(node)}`;
}

/** The hashes of a user's passwords, the newest last; none when there is no such user. */
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
      'expected the right to make ACL users in Redis, found none; --redis-node-access=shared does without';
    throw new CertfleetError('permission-denied', message, { reason: 'AclForbidden' });
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { Cluster } from 'ioredis';
import type { Redis } from 'ioredis';
import type { RedisClient } from '../redis/create-redis.ts';
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
 * Commands of a node's user: what BullMQ's scripts call, and nothing that names keys of others or looks at the server.
 * A list of single commands would be shorter, but a script that meets a missing one stops half-way, and Redis does not
 * undo the first half.
 */
const commandRules = [
  '-@all',
  '+@all',
  '-@admin',
  '-@dangerous',
  '-@pubsub',
  '-scan',
  '-randomkey',
  '-swapdb',
  '-dbsize',
  '-select',
];

/** Gives each node a Redis user of its own, which reaches the keys of that node's queue alone. */
export class RedisAcl implements NodeAccess {
  readonly #options: RedisAclOptions;

  constructor(options: RedisAclOptions) {
    this.#options = options;
  }

  /** The user keeps the password of the last grant beside the new one, so that an agent may change over in its own time. */
  async grant(node: string): Promise<RedisAccess> {
    const { prefix, endpoint, clock, lifetimeMs } = this.#options;
    const { db = 0 } = endpoint();
    const username = userOf(prefix, node);
    const password = randomBytes(32).toString('base64url');
    const queuePrefix = nodeQueuePrefix(prefix, node);
    const rules = [
      ...commandRules,
      // One database in use means that this one must be selected; the key pattern holds in all of them.
      ...(db === 0 ? [] : ['+select']),
    ];
    for (const server of this.#servers()) {
      const before = await lastPasswordHash(server, username);
      // As hashes: Redis' log of slow commands and MONITOR never see a password.
      const passwords = [...(before === undefined ? [] : [`#${before}`]), `#${sha256(password)}`];
      const keys = ['resetchannels', `~${queuePrefix}:${nodeQueueName}:*`];
      await acl(server, 'SETUSER', username, 'reset', 'on', ...passwords, ...keys, ...rules);
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

async function lastPasswordHash(server: Redis, username: string): Promise<string | undefined> {
  const user = await acl(server, 'GETUSER', username);
  if (!Array.isArray(user)) return undefined;
  const fields: readonly unknown[] = user;
  const passwords: unknown = fields[fields.indexOf('passwords') + 1];
  const last: unknown = Array.isArray(passwords) ? passwords.at(-1) : undefined;
  return typeof last === 'string' ? last : undefined;
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

import { readFile } from 'node:fs/promises';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { nodeQueueName, nodeQueuePrefix } from '../redis/redis-keys.ts';
import type { NodeAccess } from './node-access.ts';

/** What shared access is made from. */
export interface SharedAccessOptions {
  readonly prefix: string;
  readonly endpoint: () => RedisEndpoint;
  /** The one user of all agents; empty for a Redis that asks for no user. */
  readonly username: string;
  /** Read at each grant; undefined when there is no password. */
  readonly passwordFile: string | undefined;
  readonly clock: Clock;
  readonly lifetimeMs: number;
}

/**
 * One Redis user for all agents, made by the operator, where Redis forbids the controller to make users. The cost: what
 * one node can reach, every node can; a stolen node may read, add to or drain the queues of the others. The volumes'
 * keys are never in Redis, and each agent's own deadline stands behind its queue.
 */
export function sharedAccess(options: SharedAccessOptions): NodeAccess {
  const { prefix, endpoint, username, passwordFile, clock, lifetimeMs } = options;
  const readPassword = async (): Promise<string> =>
    passwordFile === undefined ? '' : (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
  return {
    async grant(node): Promise<RedisAccess> {
      const password = await readPassword();
      return {
        connection: JSON.stringify(endpoint()),
        username,
        password,
        expiresAt: new Date(clock.now() + lifetimeMs),
        queue: nodeQueueName,
        prefix: nodeQueuePrefix(prefix, node),
      };
    },
    // A password that was rotated.
    stands: async (_node, { password }) => password === (await readPassword()),
    revoke: () => Promise.resolve(),
  };
}

import { readFile } from 'node:fs/promises';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import type { RedisEndpoint } from '@certfleet/shared/redis-endpoint.ts';
import { nodeQueueName, nodeQueuePrefix } from '../redis/redis-keys.ts';
import type { NodeAccess } from './node-access.ts';

export interface SharedAccessOptions {
  readonly prefix: string;
  readonly endpoint: () => RedisEndpoint;
  /** The Redis user of all agents; empty for a Redis without users. */
  readonly username: string;
  /** Read at each grant; undefined if there is no password. */
  readonly passwordFile: string | undefined;
  readonly clock: Clock;
  readonly lifetimeMs: number;
}

/**
 * One Redis user for all agents, for a Redis in which the controller may not create users. The cost: each node can
 * access the queues of all nodes. A compromised node can read, add to or drain the others' queues. Private keys are
 * never in Redis, and each agent has its own fallback deadline.
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
    // False after the password was rotated.
    stands: async (_node, { password }) => password === (await readPassword()),
    revoke: () => Promise.resolve(),
  };
}

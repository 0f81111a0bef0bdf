import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { ChangeKind } from './followed-change.ts';
import { announceScript } from './index-scripts.ts';

/** About this many changes are kept for followers that fall behind; further back they load the whole. */
export const changesKept = 10_000;

/** Tells the followers of all replicas that something changed that is no volume's and no node's. */
export async function announceChanges(
  redis: RedisClient,
  keys: Pick<RedisKeys, 'changes'>,
  kinds: readonly ChangeKind[],
): Promise<void> {
  await announceScript.run(redis, [keys.changes], [changesKept, ...kinds]);
}

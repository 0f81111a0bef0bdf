import type { RedisClient } from '../../redis/create-redis.ts';
import type { RedisKeys } from '../../redis/redis-keys.ts';
import type { ChangeKind } from '../model/followed-change.ts';
import { announceScript } from './index-scripts.ts';

/** Approximate number of changes kept for followers that fall behind; followers further behind reload the index. */
export const changesKept = 10_000;

/** Announces to the followers of all replicas a change that concerns neither a volume nor a node. */
export async function announceChanges(
  redis: RedisClient,
  keys: Pick<RedisKeys, 'changes'>,
  kinds: readonly ChangeKind[],
): Promise<void> {
  await announceScript.run(redis, { keys, args: { cap: changesKept }, rest: kinds });
}

import type { RedisClient } from '../../../apps/renewal-controller/src/redis/create-redis.ts';
import { eventually } from './eventually.ts';

/** Connects a client. Its `connect` only tells how the first attempt ended, which may time out on a busy machine. */
export async function connected(redis: RedisClient): Promise<void> {
  redis.connect().catch(() => undefined);
  await eventually('a connection to Redis', () => redis.status === 'ready');
}

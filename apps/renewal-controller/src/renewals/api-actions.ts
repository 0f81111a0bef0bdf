import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { bulkIdPrefix } from './renewal-object.ts';

type Action = 'suspend' | 'resume' | 'cancel' | 'rollback';

/** Another replica sees the change of an object within this time. */
const rememberedMs = 15_000;

/**
 * Remembers which changes of objects the API has made and recorded in the audit log. Every replica sees a change of an
 * object, and cannot see who made it. Best effort: without Redis, the audit log may contain an action twice.
 */
export class ApiActions {
  readonly #redis: RedisClient;
  readonly #keys: Pick<RedisKeys, 'bulk'>;

  constructor(redis: RedisClient, keys: Pick<RedisKeys, 'bulk'>) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Call it before the change. */
  async note(uid: string, action: Action): Promise<void> {
    await this.#redis.set(this.#keyOf(uid, action), '1', 'PX', rememberedMs).catch(() => undefined);
  }

  async isNoted(uid: string, action: Action): Promise<boolean> {
    return (await this.#redis.exists(this.#keyOf(uid, action)).catch(() => 0)) === 1;
  }

  #keyOf(uid: string, action: Action): string {
    return this.#keys.bulk(`${bulkIdPrefix(uid)}${action}`);
  }
}

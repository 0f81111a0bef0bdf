import { createHash } from 'node:crypto';
import { redisFault } from '@certfleet/shared/redis-errors.ts';
import type { RedisClient } from './create-redis.ts';

/** A Lua script: runs atomically on the server, by its hash once the server has it. */
export interface LuaScript {
  /** KEYS must list every key that the script touches; on a Cluster all in one hash slot. */
  run(redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** Sends the full source only to a server that does not have the script (new, restarted, or a promoted replica). */
export function luaScript(source: string): LuaScript {
  const sha = createHash('sha1').update(source).digest('hex');
  return {
    async run(redis, keys, args) {
      try {
        return await redis.evalsha(sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (redisFault(error) !== 'no-script') throw error;
        return await redis.eval(source, keys.length, ...keys, ...args);
      }
    },
  };
}

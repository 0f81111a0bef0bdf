import { createHash } from 'node:crypto';
import type { RedisClient } from './create-redis.ts';

/** A Lua script: runs atomically on the server, by its hash once the server has it. */
export interface LuaScript {
  /** Every key that the script touches; on a Cluster all of one hash slot. */
  run(redis: RedisClient, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
}

/** A script sent in full only to a server that does not have it (a new one, a restarted one, a replica promoted). */
export function luaScript(source: string): LuaScript {
  const sha = createHash('sha1').update(source).digest('hex');
  return {
    async run(redis, keys, args) {
      try {
        return await redis.evalsha(sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await redis.eval(source, keys.length, ...keys, ...args);
      }
    },
  };
}

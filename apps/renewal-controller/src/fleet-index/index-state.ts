import type { RedisClient } from '../redis/create-redis.ts';
import { defineScript, serverTime } from '../redis/lua-script.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** How complete the index is. */
export interface IndexState {
  /** The time of the Redis server, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** For how long Redis has kept its data: since its first start, or since it lost everything. */
  readonly ageMs: number;
  /** Whether every volume of a node is stored. */
  readonly isComplete: (node: string) => boolean;
  /** Known nodes whose snapshot is not complete. */
  readonly incomplete: readonly string[];
}

/** Returns {time of the server, time since which it has kept its data}. */
const ageScript = defineScript({
  keys: ['keptSince'],
  prelude: [serverTime],
  body: `
local now = nowMs()
redis.call('SET', keptSince, now, 'NX')
return {now, redis.call('GET', keptSince)}`,
});

export async function readIndexState(
  redis: RedisClient,
  keys: Pick<RedisKeys, 'keptSince' | 'sessions' | 'snapshots'>,
): Promise<IndexState> {
  const [age, sessions, snapshots] = await Promise.all([
    ageScript.run(redis, { keys }) as Promise<[number, string]>,
    redis.hgetall(keys.sessions),
    redis.hgetall(keys.snapshots),
  ]);
  const isComplete = (node: string): boolean => sessions[node] !== undefined && sessions[node] === snapshots[node];
  return {
    nowMs: age[0],
    ageMs: age[0] - Number(age[1]),
    isComplete,
    incomplete: Object.keys(sessions).filter((node) => !isComplete(node)),
  };
}

import { luaScript } from '../redis/lua-script.ts';
import { issuerKey } from '../fleet-index/volume-state.ts';
import type { IssuerName } from '../fleet-index/volume-state.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { laneKeys } from './lane-admission.ts';

/** What waits in a lane, and whether it moves. */
export interface LaneDepth {
  /** The issuer as one word. */
  readonly key: string;
  /** Renewals with a slot in the line. */
  readonly queued: number;
  /** Renewals that wait for a place in flight or for the end of a pause. */
  readonly parked: number;
  /** Renewals started and not answered. */
  readonly inFlight: number;
  readonly isPaused: boolean;
  /** Whether it rests after failures of its issuer. */
  readonly isResting: boolean;
  /** Whether none of its windows is open. */
  readonly isShut: boolean;
}

/** Lanes in one script call: enough to be cheap, few enough not to hold Redis for more than a millisecond. */
const lanesAtOnce = 100;

/** Depths of lanes, some numbers each. KEYS four of each lane. Answers {paused, resting, in flight, queued, parked}. */
const depthsScript = luaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local depths = {}
for i = 1, #KEYS, 4 do
  local fields = redis.call('HMGET', KEYS[i], 'paused', 'until')
  depths[#depths + 1] = {
    fields[1] and 1 or 0,
    tonumber(fields[2] or 0) > now and 1 or 0,
    redis.call('ZCOUNT', KEYS[i + 1], '(' .. now, '+inf'),
    redis.call('ZCARD', KEYS[i + 2]),
    redis.call('ZCARD', KEYS[i + 3]),
  }
end
return depths`);

/**
 * How deep every lane is: some calls one after the other, so that two thousand lanes take Redis about ten milliseconds
 * and never more than one at a time. Fails with the client's error while Redis is away.
 */
export async function readLaneDepths(
  redis: RedisClient,
  keys: RedisKeys,
  isShut: (issuer: IssuerName) => boolean,
): Promise<readonly LaneDepth[]> {
  const lanes = Object.entries(await redis.hgetall(keys.lanes));
  const depths: LaneDepth[] = [];
  for (let from = 0; from < lanes.length; from += lanesAtOnce) {
    const some = lanes.slice(from, from + lanesAtOnce);
    const found = (await depthsScript.run(
      redis,
      some.flatMap(([id]) => laneKeys(keys, id)),
      [],
    )) as number[][];
    for (const [i, [, json]] of some.entries()) {
      const [paused, resting, inFlight = 0, queued = 0, parked = 0] = found[i] ?? [];
      const issuer = JSON.parse(json) as IssuerName;
      const standing = { isPaused: paused === 1, isResting: resting === 1, isShut: isShut(issuer) };
      depths.push({ key: issuerKey(issuer), queued, parked, inFlight, ...standing });
    }
  }
  return depths;
}

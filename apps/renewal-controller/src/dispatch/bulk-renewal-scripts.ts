import { luaScript } from '../redis/lua-script.ts';

// Redis keys of bulk renewals (redis-keys.ts):
//   requestedBy  hash: renewal id → the bulk renewals that request it, comma-separated; a `!` before an id: ignore
//                windows.
//   bulk         hash: the record of one bulk renewal.
//   pending      hash: renewal id → [node, volume id] that the bulk renewal still waits for.
//   cancelled    sorted set: cancelled bulk renewals by time; lanes start nothing for them (lane-scripts.ts).
// bulk and pending exist while renewals are pending and for a week afterwards.

const keptMs = 7 * 86_400_000;
/** Longer than any renewal can wait, so that no remainder of a cancelled request can start. */
const cancelledKeptMs = 365 * 86_400_000;

/**
 * Records the renewals that a bulk renewal requests, and ends the cooldown of their volumes.
 *
 * KEYS: requestedBy, pending, cooldown.
 * ARGV: mark of the bulk renewal; then per renewal: renewal id, JSON [node, volume id].
 * Returns 1.
 */
export const requestScript = luaScript(`
for i = 2, #ARGV, 2 do
  local wanted = redis.call('HGET', KEYS[1], ARGV[i])
  redis.call('HSET', KEYS[1], ARGV[i], wanted and wanted .. ',' .. ARGV[1] or ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('ZREM', KEYS[3], table.concat(cjson.decode(ARGV[i + 1]), '/'))
end
return 1`);

/**
 * Ends one renewal of a bulk renewal, and the bulk renewal when it was the last one.
 *
 * KEYS: requestedBy, bulk, pending.
 * ARGV: mark of the bulk renewal, renewal id, the field that counts the end (renewed, gone, cancelled).
 * Returns 1 if no other bulk renewal requests the renewal, else 0.
 */
export const settleRequestScript = luaScript(`
local left = {}
for id in string.gmatch(redis.call('HGET', KEYS[1], ARGV[2]) or '', '[^,]+') do
  if id ~= ARGV[1] then left[#left + 1] = id end
end
if #left == 0 then redis.call('HDEL', KEYS[1], ARGV[2])
else redis.call('HSET', KEYS[1], ARGV[2], table.concat(left, ',')) end
if redis.call('HDEL', KEYS[3], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
  local state = redis.call('HGET', KEYS[2], 'state')
  if redis.call('HLEN', KEYS[3]) == 0 and state ~= 'starting' then
    if state == 'running' then redis.call('HSET', KEYS[2], 'state', 'finished') end
    redis.call('PEXPIRE', KEYS[2], ${keptMs})
  end
end
return #left == 0 and 1 or 0`);

/**
 * Cancels a bulk renewal: lanes start nothing for it from now on.
 *
 * KEYS: bulk, pending, cancelled.
 * ARGV: id of the bulk renewal.
 * Returns 1 if it was starting or running, else 0.
 */
export const cancelBulkScript = luaScript(`
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'starting' and state ~= 'running' then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ${cancelledKeptMs})
redis.call('ZADD', KEYS[3], now, ARGV[1])
redis.call('HSET', KEYS[1], 'state', 'cancelled')
if redis.call('HLEN', KEYS[2]) == 0 then redis.call('PEXPIRE', KEYS[1], ${keptMs}) end
return 1`);

/**
 * Counts a failed attempt once per batch.
 *
 * KEYS: bulk, outbox of the node.
 * ARGV: id of the batch, field of the outbox that marks the failure as counted.
 * Returns the number of failures, or 0 if nothing was counted.
 */
export const countFailureScript = luaScript(`
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'batch') ~= ARGV[1] then return 0 end
if redis.call('HSETNX', KEYS[2], ARGV[2], 1) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], 'failures', 1)`);

/**
 * Begins or continues a bulk renewal.
 *
 * KEYS: bulk, pending.
 * Returns the milliseconds since its first begin by Redis' clock, or -1 if it is finished or cancelled.
 */
export const beginBulkScript = luaScript(`
local state = redis.call('HGET', KEYS[1], 'state')
if state ~= 'starting' and state ~= 'running' then return -1 end
local isDone = redis.call('HLEN', KEYS[2]) == 0
redis.call('HSET', KEYS[1], 'state', isDone and 'finished' or 'running')
if isDone then redis.call('PEXPIRE', KEYS[1], ${keptMs}) end
if isDone then return -1 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSETNX', KEYS[1], 'begun', now)
return now - redis.call('HGET', KEYS[1], 'begun')`);

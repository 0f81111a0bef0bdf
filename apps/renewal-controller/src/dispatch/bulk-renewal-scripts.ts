import { luaScript } from '../redis/lua-script.ts';

// demands: renewal id → the bulk renewals that want it, comma-separated; `!` before an id: windows do not hold it.
// bulk: one bulk renewal's record; pending: renewal id → [node, volume id] of what it waits for. Both live as long as
// something is pending, and for a week after.
// cancelled: bulk renewals that were cancelled, by when: lanes start nothing for them (lane-scripts.ts).

const keptMs = 7 * 86_400_000;
/** Longer than any renewal waits: what is left of a request can start nothing by then. */
const cancelledKeptMs = 365 * 86_400_000;

/**
 * Notes what a bulk renewal wants; who asks does not wait for the back-off of earlier failures. KEYS demands, pending,
 * resting. ARGV bulk id with its mark, then (renewal id, JSON)….
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
 * Ends one renewal of a bulk renewal. KEYS demands, bulk, pending. ARGV bulk id with its mark, renewal id, the field that
 * counts it (renewed, gone, cancelled). Answers 1 when nobody else wants it.
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
 * Cancels a bulk renewal: from here on no lane starts anything for it. KEYS bulk, pending, cancelled. ARGV its id. Answers 1
 * when it was working.
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

/** Counts a failed attempt once for a batch. KEYS bulk, outbox of the node. ARGV id of the batch, field to count it by. */
export const countFailureScript = luaScript(`
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HGET', KEYS[2], 'batch') ~= ARGV[1] then return 0 end
if redis.call('HSETNX', KEYS[2], ARGV[2], 1) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[1], 'failures', 1)`);

/**
 * Begins a bulk renewal, or goes on with it. Answers the milliseconds since it first began, by Redis' clock; -1 when it is
 * over or cancelled. KEYS bulk, pending.
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

import { luaScript } from '../redis/lua-script.ts';

// demands: renewal id → the bulk renewals that want it, comma-separated; `!` before an id: windows do not hold it.
// bulk: one bulk renewal's record; pending: renewal id → [node, volume id] of what it waits for.

/** Notes what a bulk renewal wants. KEYS demands, pending. ARGV bulk id with its mark, then (renewal id, JSON)…. */
export const demandScript = luaScript(`
for i = 2, #ARGV, 2 do
  local wanted = redis.call('HGET', KEYS[1], ARGV[i])
  redis.call('HSET', KEYS[1], ARGV[i], wanted and wanted .. ',' .. ARGV[1] or ARGV[1])
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
end
return 1`);

/**
 * Ends one renewal of a bulk renewal. KEYS demands, bulk, pending. ARGV bulk id with its mark, renewal id, the field that
 * counts it (renewed, gone, cancelled). Answers 1 when nobody else wants it.
 */
export const settleDemandScript = luaScript(`
local left = {}
for id in string.gmatch(redis.call('HGET', KEYS[1], ARGV[2]) or '', '[^,]+') do
  if id ~= ARGV[1] then left[#left + 1] = id end
end
if #left == 0 then redis.call('HDEL', KEYS[1], ARGV[2])
else redis.call('HSET', KEYS[1], ARGV[2], table.concat(left, ',')) end
if redis.call('HDEL', KEYS[3], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
  if redis.call('HLEN', KEYS[3]) == 0 and redis.call('HGET', KEYS[2], 'state') == 'running' then
    redis.call('HSET', KEYS[2], 'state', 'finished')
  end
end
return #left == 0 and 1 or 0`);

/** Moves a bulk renewal from one state to another, unless it is in none of those given. KEYS bulk. ARGV to, from…. */
export const moveBulkScript = luaScript(`
local state = redis.call('HGET', KEYS[1], 'state')
for i = 2, #ARGV do
  if state == ARGV[i] then
    redis.call('HSET', KEYS[1], 'state', ARGV[1])
    return 1
  end
end
return 0`);

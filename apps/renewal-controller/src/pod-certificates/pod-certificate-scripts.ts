import { defineScript, serverTime } from '../redis/lua-script.ts';

// The rows are a hash. Each change of a row has a number, the next of a sequence, in the sorted set `order`, so that
// readers find the rows that changed since their last read. A removed row keeps its number for a while (`removed`); a
// reader that is further behind than the last forgotten removal reads all again. `state` has the sequence (`seq`), what
// was forgotten, a random epoch, which differs after a loss of Redis, and what the writer says about itself.

/** The keys disappear this long after pod certificates were switched off. */
const keptSeconds = 86_400;

/**
 * Writes rows while the replica has the lease, and keeps that number of removals for readers. The unnamed arguments are id and JSON of each row; an empty JSON removes
 * it. Returns 1, or 0 without the lease.
 */
export const writeScript = defineScript({
  keys: ['lease', 'rows', 'order', 'removed', 'state'],
  args: { replica: 'string', firstEpoch: 'string', removalsKept: 'number' },
  hasRest: true,
  body: `
if redis.call('GET', lease) ~= replica then return 0 end
redis.call('HSETNX', state, 'epoch', firstEpoch)
for i = restAt, #ARGV, 2 do
  local id, json = ARGV[i], ARGV[i + 1]
  local seq = redis.call('HINCRBY', state, 'seq', 1)
  redis.call('ZADD', order, seq, id)
  if json == '' then
    redis.call('HDEL', rows, id)
    redis.call('ZADD', removed, seq, id)
  else
    redis.call('HSET', rows, id, json)
    redis.call('ZREM', removed, id)
  end
end
local excess = redis.call('ZCARD', removed) - removalsKept
if excess > 0 then
  local oldest = redis.call('ZRANGE', removed, 0, excess - 1, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    redis.call('ZREM', order, oldest[i])
    redis.call('ZREM', removed, oldest[i])
    redis.call('HSET', state, 'forgotten', oldest[i + 1])
  end
end
return 1`,
});

/**
 * Notes that the replica with the lease works, its problem, and whether it follows the API server. Returns 1, or 0 without
 * the lease.
 */
export const noteScript = defineScript({
  keys: ['lease', 'rows', 'order', 'removed', 'state'],
  args: { replica: 'string', problem: 'string', isFollowing: 'number', firstEpoch: 'string' },
  prelude: [serverTime],
  body: `
if redis.call('GET', lease) ~= replica then return 0 end
redis.call('HSETNX', state, 'epoch', firstEpoch)
redis.call('HSET', state, 'noted', nowMs(), 'problem', problem)
if isFollowing == 1 then redis.call('HSET', state, 'followed', nowMs()) end
for _, key in ipairs({rows, order, removed, state}) do redis.call('EXPIRE', key, ${keptSeconds}) end
return 1`,
});

/**
 * Reads the rows that changed after a position. Returns {epoch, last position, forgotten position, problem, age of the last
 * note, age of the last note of a replica that followed the API server, then position, id and JSON of each row}. Ages are
 * in milliseconds by Redis' clock, -1 if there is no note.
 */
export const readScript = defineScript({
  keys: ['rows', 'order', 'state'],
  args: { position: 'number', count: 'number' },
  prelude: [serverTime],
  body: `
local known = redis.call('HMGET', state, 'epoch', 'seq', 'forgotten', 'problem', 'noted', 'followed')
local function ageOf(time) return tostring(time and nowMs() - time or -1) end
local answer = {known[1] or '', known[2] or '0', known[3] or '0', known[4] or '', ageOf(known[5]), ageOf(known[6])}
local changed = redis.call('ZRANGEBYSCORE', order, '(' .. position, '+inf', 'WITHSCORES', 'LIMIT', 0, count)
for i = 1, #changed, 2 do
  answer[#answer + 1] = changed[i + 1]
  answer[#answer + 1] = changed[i]
  answer[#answer + 1] = redis.call('HGET', rows, changed[i]) or ''
end
return answer`,
});

import { defineScript, serverTime } from '../redis/lua-script.ts';

// Redis keys of bulk renewals (redis-keys.ts):
//   requestedBy  hash: renewal id → the bulk renewals that request it, comma-separated; a `!` before an id: ignore
//                windows.
//   bulk         hash: the record of one bulk renewal.
//   pending      hash: renewal id → [node, volume id] that the bulk renewal still waits for.
//   cancelled    sorted set: cancelled bulk renewals by time; lanes start nothing for them (lane-scripts.ts).
//   bulks        sorted set: bulk renewals by the time of their request.
// bulk and pending exist while renewals are pending and for a week afterwards.

const keptMs = 7 * 86_400_000;
/** Longer than any renewal can wait, so that no remainder of a cancelled request can start. */
const cancelledKeptMs = 365 * 86_400_000;

/**
 * Creates the record of a bulk renewal unless it exists. Returns 'created', or its state; 'cancelled' if its id was
 * cancelled, even before its record existed.
 */
export const ensureBulkScript = defineScript({
  keys: ['bulk', 'bulks', 'cancelled'],
  args: {
    id: 'string',
    request: 'string',
    createdAt: 'number',
    total: 'number',
    renewed: 'number',
    failures: 'number',
    stopsAt: 'number',
  },
  body: `
local state = redis.call('HGET', bulk, 'state')
if redis.call('ZSCORE', cancelled, id) then return 'cancelled' end
if state then return state end
redis.call('HSET', bulk, 'request', request, 'total', total, 'renewed', renewed, 'failures', failures,
  'state', 'starting', 'stopsAt', stopsAt)
redis.call('ZADD', bulks, createdAt, id)
return 'created'`,
});

/**
 * Records the renewals that a bulk renewal requests, and ends the cooldown of their volumes. The unnamed arguments are,
 * per renewal, its id and the JSON [node, volume id]. A repeated call changes nothing. Returns 0 if the bulk renewal does
 * not exist or was cancelled, else 1.
 */
export const requestScript = defineScript({
  keys: ['requestedBy', 'bulk', 'pending', 'cooldown'],
  args: { mark: 'string' },
  hasRest: true,
  body: `
local state = redis.call('HGET', bulk, 'state')
if not state or state == 'cancelled' then return 0 end
for i = restAt, #ARGV, 2 do
  local renewal, volume = ARGV[i], ARGV[i + 1]
  local wanted = redis.call('HGET', requestedBy, renewal)
  if not wanted then redis.call('HSET', requestedBy, renewal, mark)
  elseif not string.find(',' .. wanted .. ',', ',' .. mark .. ',', 1, true) then
    redis.call('HSET', requestedBy, renewal, wanted .. ',' .. mark)
  end
  redis.call('HSET', pending, renewal, volume)
  redis.call('ZREM', cooldown, table.concat(cjson.decode(volume), '/'))
end
redis.call('HSET', bulk, 'state', 'starting')
redis.call('PERSIST', bulk)
return 1`,
});

/**
 * Ends one renewal of a bulk renewal, and the bulk renewal when it was the last one. `counter` is the field that counts
 * the end: renewed, gone or cancelled. A renewal that was started is not cancelled: after a failover it may be in the
 * queue of its node again, where only its bulk renewal finds it. Returns 1 if no other bulk renewal requests the renewal,
 * else 0.
 */
export const settleRequestScript = defineScript({
  keys: ['requestedBy', 'bulk', 'pending', 'started'],
  args: { mark: 'string', renewal: 'string', counter: 'string' },
  body: `
if counter == 'cancelled' then
  local volume = redis.call('HGET', pending, renewal)
  if volume and redis.call('ZSCORE', started, table.concat(cjson.decode(volume), '/')) then return 0 end
end
local left = {}
for id in string.gmatch(redis.call('HGET', requestedBy, renewal) or '', '[^,]+') do
  if id ~= mark then left[#left + 1] = id end
end
if #left == 0 then redis.call('HDEL', requestedBy, renewal)
else redis.call('HSET', requestedBy, renewal, table.concat(left, ',')) end
if redis.call('HDEL', pending, renewal) == 1 then
  redis.call('HINCRBY', bulk, counter, 1)
  local state = redis.call('HGET', bulk, 'state')
  if redis.call('HLEN', pending) == 0 and state ~= 'starting' then
    if state == 'running' then redis.call('HSET', bulk, 'state', 'finished') end
    redis.call('PEXPIRE', bulk, ${keptMs})
  end
end
return #left == 0 and 1 or 0`,
});

/**
 * Cancels a bulk renewal: lanes start nothing for it from now on, and a record without which it was cancelled is never
 * created. Its field `recall` exists until its renewals are recalled from the queues of nodes, so that another replica
 * continues for one that was killed. Returns 1 if it was starting or running, 2 if it must still be recalled, else 0.
 */
export const cancelBulkScript = defineScript({
  keys: ['bulk', 'pending', 'cancelled'],
  args: { id: 'string' },
  prelude: [serverTime],
  body: `
local now = nowMs()
redis.call('ZREMRANGEBYSCORE', cancelled, '-inf', now - ${cancelledKeptMs})
redis.call('ZADD', cancelled, 'NX', now, id)
local state = redis.call('HGET', bulk, 'state')
if state ~= 'starting' and state ~= 'running' then return 2 * redis.call('HEXISTS', bulk, 'recall') end
redis.call('HSET', bulk, 'state', 'cancelled', 'recall', 1)
if redis.call('HLEN', pending) == 0 then redis.call('PEXPIRE', bulk, ${keptMs}) end
return 1`,
});

/**
 * Counts a failed attempt once per batch; `counted` is the field of the outbox that marks the failure as counted.
 * Returns 1 if the bulk renewal must stop after this failure, else 0.
 */
export const countFailureScript = defineScript({
  keys: ['bulk', 'outbox'],
  args: { batch: 'string', counted: 'string' },
  body: `
if redis.call('EXISTS', bulk) == 0 or redis.call('HGET', outbox, 'batch') ~= batch then return 0 end
if redis.call('HSETNX', outbox, counted, 1) == 0 then return 0 end
local failures = redis.call('HINCRBY', bulk, 'failures', 1)
local stopsAt = tonumber(redis.call('HGET', bulk, 'stopsAt') or '0')
return (stopsAt > 0 and failures >= stopsAt) and 1 or 0`,
});

/**
 * Begins or continues a bulk renewal. Returns the milliseconds since its first begin by Redis' clock, or -1 if it is
 * finished or cancelled.
 */
export const beginBulkScript = defineScript({
  keys: ['bulk', 'pending'],
  prelude: [serverTime],
  body: `
local state = redis.call('HGET', bulk, 'state')
if state ~= 'starting' and state ~= 'running' then return -1 end
local isDone = redis.call('HLEN', pending) == 0
redis.call('HSET', bulk, 'state', isDone and 'finished' or 'running')
if isDone then redis.call('PEXPIRE', bulk, ${keptMs}) end
if isDone then return -1 end
local now = nowMs()
redis.call('HSETNX', bulk, 'begun', now)
return now - redis.call('HGET', bulk, 'begun')`,
});

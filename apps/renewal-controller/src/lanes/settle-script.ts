import { defineScript } from '../redis/lua-script.ts';
import { renewalCommon, renewalScriptKeys, resultCommon } from './lane-script-common.ts';

/**
 * Settles a renewal: removes it from its lane, adjusts the pace to the outcome and promotes waiting renewals. Returns
 * {code, marks of the requesting bulk renewals, the same with cancelled ones, then pairs of promoted member and ms until
 * its start}. Code: 1 if the renewal was started, else 0; plus 2 if the batch had counted it before.
 */
export const settleScript = defineScript({
  keys: [...renewalScriptKeys, 'outbox'],
  args: {
    /** Job id. */
    member: 'string',
    pausedByPolicy: 'number',
    /** Undefined for the server's time. All times and durations are in ms. */
    now: 'number?',
    /** One of ok, failed, deferred, gone and withdrawn. */
    outcome: 'string',
    maxInFlight: 'number',
    /** Failures before the back-off. */
    threshold: 'number',
    initialBackoff: 'number',
    maxBackoff: 'number',
    /** From 0 to 1. */
    random: 'number',
    /** As node/volume. */
    volume: 'string',
    /** Message of a failure. */
    errorText: 'string',
    /** Id in requestedBy. */
    renewal: 'string',
    /** Time between starts. */
    baseInterval: 'number',
    burst: 'number',
    /** Windows, as `from-to` in milliseconds since the epoch; '' without any, then `last` if no other begins later. */
    windows: 'string',
    /** Cooldown of the volume. */
    cooldownMs: 'number',
    /** The batch in the outbox, which makes the outcome count once; '' for none. */
    batch: 'string',
    /** Id of the volume in the batch. */
    volumeId: 'string',
  },
  prelude: [renewalCommon, resultCommon],
  body: `
now = clock(now)
local node, requesters, counted = nodeOf(volume), requestersOf(renewal), 'c:' .. volumeId
local marks = redis.call('HGET', requestedBy, renewal) or ''
if batch ~= '' then
  -- Another replica has settled the batch.
  if redis.call('HGET', outbox, 'batch') ~= batch then return {2, '', ''} end
  local wasStarted = redis.call('HGET', outbox, counted)
  if wasStarted then return {2 + wasStarted, requesters, marks} end
end
if outcome == 'withdrawn' and score(inflight, member) >= 0 then return {1, requesters, marks} end
redis.call('ZREM', started, volume)
redis.call('HDEL', waits, volume)
redis.call('ZREMRANGEBYSCORE', cooldown, '-inf', now)
local wasRequest = redis.call('SREM', keyOf('requested', node), member) == 1
-- Its agent refused it as an automatic renewal, but it was requested meanwhile: it returns soon, as a request.
if outcome == 'deferred' and requesters ~= '' and not wasRequest then cooldownMs = math.min(cooldownMs, 2000) end
if cooldownMs > 0 then redis.call('ZADD', cooldown, math.ceil(now + cooldownMs), volume) end
redis.call('SREM', keyOf('active', node), member)
leaveNodeLimited(node, member)
leaveSilent(node, member)
local wasStarted = redis.call('ZREM', inflight, member)
if batch ~= '' then redis.call('HSET', outbox, counted, wasStarted) end
-- A renewal in flight is neither queued nor blocked.
local leftQueue = wasStarted == 0 and redis.call('ZREM', blocked, member) == 0 and redis.call('ZREM', slots, member) == 1

-- Counts a failure of the node, which delays only its own renewals.
local function nodeFailed()
  local backoffUntil, streak, last = failuresOf(node)
  if now < backoffUntil or (streak < threshold and last == volume) then return end
  local key = keyOf('node', node)
  streak = streak + 1
  redis.call('HSET', key, 'streak', streak, 'lastFailed', volume, 'failedAt', now,
    'until', streak >= threshold and backoffEnd(streak, threshold) or 0)
  redis.call('PEXPIRE', key, math.ceil(3600000 + maxBackoff * 2))
end
if outcome == 'ok' then
  laneSucceeded()
elseif outcome == 'failed' then
  put('error', errorText, 'errorAt', now)
  nodeFailed()
  laneFailed(node)
end

if isPaused then return {wasStarted, requesters, marks} end
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
local interval, slack = pace(now, baseInterval, burst)
-- Otherwise the slots of cancelled renewals would stay reserved.
if leftQueue then endQueueAfterLast(slack, interval) end
local promoted = advance(now, interval, slack, now + untilOpen(windows, now), maxInFlight, threshold)
return {wasStarted, requesters, marks, unpack(promoted)}`,
});

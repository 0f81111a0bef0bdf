import { defineScript } from '../redis/lua-script.ts';
import { laneCommon, laneLimitArgs, laneScriptKeys, resultCommon } from './lane-script-common.ts';

/**
 * Grants permits for pod certificates in the lane of an issuer, in which the renewals of volumes are also started.
 *
 * A permit is a start at a time of at most `horizon` ms ahead, so that one call covers many requests; its slot in flight
 * counts at once. Urgent requests (of pods that start) ignore windows and pauses, take the next start times before queued
 * renewals, and wait at most 15 s after a failure. While renewals wait, urgent requests have at most three quarters of the
 * starts and of the slots in flight, refreshes a half, so neither side can stop the other.
 *
 * The signer names the permits that it holds: others of it are freed, and those that Redis has lost are counted again. A
 * request that is older than the last one of the same signer changes nothing.
 *
 * Returns {0} for such an old request; else {1, ms until the next request is useful, number of permits, then per permit 1 if
 * urgent else 0, number of the permit, ms until its start; then pairs of promoted renewal and ms until its start}.
 */
export const permitScript = defineScript({
  keys: [...laneScriptKeys, 'pods'],
  args: {
    ...laneLimitArgs,
    /** Answer timeout. */
    timeout: 'number',
    initialBackoff: 'number',
    maxBackoff: 'number',
    /** From 0 to 1. */
    random: 'number',
    /** Name of the signer's process. */
    signer: 'string',
    /** Number of its request. */
    sequence: 'number',
    /** 1 if it has signed without the lane, else 0: then the lane has no burst. */
    isReturning: 'number',
    /** Requests without a permit. */
    urgent: 'number',
    refreshes: 'number',
    /** The last failure; '' for none. */
    errorText: 'string',
    /** How long the issuer asked to wait; 0 if it did not. */
    retryAfter: 'number',
    /** How far ahead permits start. */
    horizon: 'number',
    /** The number of ids of permits that follow; after them, pairs of the source of a result, and ok or failed. */
    heldCount: 'number',
  },
  hasRest: true,
  prelude: [laneCommon, resultCommon],
  body: `
now = clock(now)
local last = redis.call('HMGET', lane, 'asker', 'askSequence')
local isKnown = last[1] == signer
if isKnown and sequence <= tonumber(last[2]) then return {0} end
redis.call('HSET', lane, 'asker', signer, 'askSequence', sequence)
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
redis.call('ZREMRANGEBYSCORE', pods, '-inf', now)
local function start(member, at)
  redis.call('ZADD', inflight, at + timeout, member)
  redis.call('ZADD', pods, at + timeout, member)
end

local prefix, held = 'pods/' .. signer .. '/', {}
for i = restAt, restAt + heldCount - 1 do held[prefix .. ARGV[i]] = true end
for _, member in ipairs(redis.call('ZRANGE', pods, 0, -1)) do
  if string.sub(member, 1, #prefix) == prefix and not held[member] then
    redis.call('ZREM', inflight, member)
    redis.call('ZREM', pods, member)
  end
end
for member in pairs(held) do
  if score(pods, member) < 0 then start(member, now) end
end
for i = restAt + heldCount, #ARGV, 2 do
  if ARGV[i + 1] == 'ok' then laneSucceeded() else laneFailed(ARGV[i]) end
end
if errorText ~= '' then put('error', errorText, 'errorAt', now) end
if retryAfter > 0 then put('until', math.max(field('until'), math.ceil(now + math.min(retryAfter, maxBackoff)))) end

local interval, slack = pace(now, baseInterval, burst)
local tat = field('tat')
-- What was started without the lane, or before Redis lost it, counts as its burst.
if not isKnown or isReturning == 1 then tat = math.max(tat, now + slack) end
local limit, taken, ofPods = inFlightLimit(maxInFlight, threshold), redis.call('ZCARD', inflight), redis.call('ZCARD', pods)
local renewalsWait = not isPaused and
  (redis.call('ZCOUNT', slots, now - 5000, now + 1000) > 0 or redis.call('EXISTS', blocked) == 1)
local podTat, refreshTat = math.max(field('podTat'), now), math.max(field('refreshTat'), now)
local urgentShare, refreshShare = 3 / 4, 1 / 2

-- The slots in flight that pod certificates may have. A single slot alternates; a renewal that does not take its turn
-- loses it after two seconds.
local function slotsOf(share)
  if not renewalsWait then return limit end
  if limit == 1 then return field('lastPod') == 1 and now - field('lastPodAt') < 2000 and 0 or 1 end
  return math.floor(limit * share)
end
local function isShareTaken(theoreticalAt, share)
  return renewalsWait and theoreticalAt - math.max(1000, interval / share) > now
end

local answer, count, again = {}, 0, 5000
local function retryIn(wait) again = math.max(100, math.min(again, math.ceil(wait))) end
-- Returns how many remain, and how many of them wait only for a slot in flight.
local function grant(wanted, isUrgent, from, share)
  local most = slotsOf(share)
  while wanted > 0 do
    local at = math.ceil(math.max(from, tat - slack))
    if at > now + horizon then
      retryIn(at - now - horizon / 2)
      return wanted, 0
    end
    if isShareTaken(podTat, urgentShare) or (not isUrgent and isShareTaken(refreshTat, refreshShare)) then
      retryIn(1000)
      return wanted, 0
    end
    if taken >= limit or ofPods >= most then
      retryIn(1000)
      return wanted, wanted
    end
    count, wanted, taken, ofPods = count + 1, wanted - 1, taken + 1, ofPods + 1
    start(prefix .. sequence .. '-' .. count, at)
    tat, podTat = math.max(tat, at) + interval, podTat + interval / urgentShare
    if not isUrgent then refreshTat = refreshTat + interval / refreshShare end
    answer[#answer + 1] = isUrgent and 1 or 0
    answer[#answer + 1] = sequence .. '-' .. count
    answer[#answer + 1] = at - now
  end
  return 0, 0
end
local backoff = field('until')
local urgentLeft, urgentShort =
  grant(urgent, true, math.max(now, math.min(backoff, field('errorAt') + 15000)), urgentShare)
local refreshesLeft, refreshesShort = refreshes, 0
if not isPaused then
  refreshesLeft, refreshesShort = grant(refreshes, false, math.max(now + untilOpen(windows, now), backoff), refreshShare)
end

local short, kept = urgentShort + refreshesShort, 0
if short > 0 then
  kept = limit == 1 and 1 or math.max(0,
    math.min(urgentShort, math.floor(limit * urgentShare) - ofPods),
    math.min(short, math.floor(limit * refreshShare) - ofPods))
end
-- Starts that no renewal waited for do not count against the share.
if not renewalsWait then
  podTat = math.min(podTat, now + math.max(1000, interval / urgentShare))
  refreshTat = math.min(refreshTat, now + math.max(1000, interval / refreshShare))
end
put('tat', text(tat), 'interval', text(interval), 'podTat', text(podTat), 'refreshTat', text(refreshTat),
  'podsKept', kept, 'podsUntil', now + 6000, 'podsWaiting', urgentLeft + refreshesLeft, 'podsInFlight', ofPods)
if count > 0 then put('lastPod', 1, 'lastPodAt', now) end
local promoted = advance(now, interval, slack, now + untilOpen(windows, now), maxInFlight, threshold)
for i = 1, #promoted do answer[#answer + 1] = promoted[i] end
return {1, again, count, unpack(answer)}`,
});

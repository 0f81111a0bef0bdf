import { defineScript } from '../redis/lua-script.ts';
import { laneCommon, laneLimitArgs, laneScriptKeys, renewalCommon, renewalScriptKeys } from './lane-script-common.ts';

/**
 * Admits a renewal, or decides how long it waits. Returns {verdict, wait in ms, wait reason, 1 if urgent else 0, marks of
 * the requesting bulk renewals}. Verdicts: 1 admitted, 2 already admitted, 0 waits in the lane, -1 not due yet and not in
 * the lane.
 */
export const admitScript = defineScript({
  keys: renewalScriptKeys,
  args: {
    /** Job id. */
    member: 'string',
    /** Undefined for the server's time. All times and durations are in ms. */
    now: 'number?',
    /** Time between starts. */
    baseInterval: 'number',
    burst: 'number',
    maxInFlight: 'number',
    /** Answer timeout. */
    timeout: 'number',
    /** Windows, as `from-to` in milliseconds since the epoch; '' without any, then `last` if no other begins later. */
    windows: 'string',
    /** Latest safe start. */
    latest: 'number',
    notAfter: 'number',
    /** Failures before the back-off. */
    threshold: 'number',
    /** As node/volume. */
    volume: 'string',
    /** Id in requestedBy. */
    renewal: 'string',
    laneId: 'string',
    pausedByPolicy: 'number',
    /** 0 if due in any case. */
    dueAt: 'number',
    /** Without a heartbeat for this long, a node is silent; 0 disables the check. */
    silentAfter: 'number',
  },
  prelude: [renewalCommon],
  body: `
now = clock(now)
local node, requesters = nodeOf(volume), requestersOf(renewal)
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
-- A renewal that did not use its slot within an hour is lost.
redis.call('ZREMRANGEBYSCORE', slots, '-inf', now - 3600000)
local function leave()
  redis.call('ZREM', slots, member)
  redis.call('ZREM', blocked, member)
  redis.call('SREM', keyOf('active', node), member)
  leaveNodeLimited(node, member)
end
local function notYet(wait)
  leave()
  redis.call('HDEL', waits, volume)
  return {-1, math.max(1, math.ceil(wait)), '', 0, requesters}
end
-- The worker's clock may be ahead, or the request was cancelled after its job was brought forward.
if requesters == '' and now < dueAt - 1000 then return notYet(dueAt - now) end
local function noteRequest()
  if requesters == '' then return end
  redis.call('SADD', keyOf('requested', node), member)
  keep(keyOf('requested', node))
end
if score(inflight, member) >= 0 then
  noteRequest()
  return {2, 0, '', 0, requesters}
end
local cooldownUntil = score(cooldown, volume)
if cooldownUntil > now then return notYet(cooldownUntil - now) end

local function setWait(reason, at)
  redis.call('HSET', waits, volume, reason .. ':' .. (at and string.format('%.0f', at) or ''))
end
if silentAfter > 0 and score(seen, node) < now - silentAfter then
  leave()
  setWait('node-silent')
  -- Promoted within a second of the node's next heartbeat; the wait covers a Redis that lost this entry.
  redis.call('ZADD', silentNodes .. ':' .. node, now, member)
  redis.call('PEXPIRE', silentNodes .. ':' .. node, 300000)
  redis.call('SADD', silentNodes, node)
  return {0, 120000, 'node-silent', 0, requesters}
end
leaveSilent(node, member)
if state.lastNode ~= node then put('lastNode', node, 'sharedAt', state.lastNode and now or 0) end
local share, nodeUntil = shareOf(node, now, maxInFlight, threshold), failuresOf(node)

-- Waits for a free slot of its node, and at most until one is expected.
local isFront = false
local function waitForNode(reason, at, urgent)
  leave()
  redis.call('ZADD', keyOf('node-limited', node), isFront and notAfter - 1e16 or notAfter, member)
  redis.call('HSET', lane .. ':node-limited', member, node)
  keep(keyOf('node-limited', node))
  redis.call('ZADD', waiting, 'NX', now, node)
  redis.call('SADD', queued, laneId)
  setWait(reason, at)
  local rank = redis.call('ZRANK', keyOf('node-limited', node), member)
  local wait = at - now + math.floor(rank / share) * timeout
  return {0, math.min(2592000000, math.max(50, wait)), reason, urgent, requesters}
end
local function waitForSlot(wait, reason, urgent)
  local wasBlocked = score(blocked, member) >= 0
  leave()
  if not wasBlocked and takenBy(node, now, share) >= share then
    return waitForNode(reason == 'paused' and reason or 'node-limit', now + wait, urgent)
  end
  setWait(reason)
  redis.call('ZADD', blocked, notAfter, member)
  activate(node, member)
  redis.call('SADD', queued, laneId)
  return {0, wait, reason, urgent, requesters}
end
-- A resume promotes blocked renewals; the long wait covers a resume that was interrupted.
if isPaused then return waitForSlot(600000, 'paused', 0) end

local interval, slack = pace(now, baseInterval, burst)
local tat, backoff = field('tat'), field('until')
local ignoresWindows = string.find(requesters, '!', 1, true)
local opensAt = now + untilOpen(windows, now)
local opens = ignoresWindows and now or opensAt
local slot = score(slots, member)
local promoted = slot >= 0 or score(blocked, member) >= 0

local from = math.max(now, backoff, opens)
local tailField, theoreticalAt = 'queueTail', promoted and tat or math.max(tat, field('queueTail'))
local urgent = 0
if math.max(from, nodeUntil, theoreticalAt - slack) > latest then
  -- It would expire before its turn: it ignores windows and joins the urgent queue.
  urgent, isFront, from = 1, true, math.max(now, backoff)
elseif ignoresWindows and (opensAt > now or field('urgentQueueTail') - slack < now + 60000) then
  -- A request that ignores windows joins the urgent queue, but only while that is short: a large request must not delay
  -- urgent renewals.
  isFront = true
end
if isFront then
  tailField = 'urgentQueueTail'
  theoreticalAt = promoted and slot <= now and tat or math.max(tat, field(tailField))
  -- Its slot may belong to the other queue.
  if slot > math.ceil(math.max(from, theoreticalAt - slack)) + 250 then slot = -1 end
end
local function reserve(reason)
  local behind = math.max(tat, field(tailField))
  local at = math.ceil(math.max(from, behind - slack))
  if redis.call('SISMEMBER', keyOf('active', node), member) == 0 and takenBy(node, at, share) >= share then
    return waitForNode(reason == 'rate' and 'node-limit' or reason, at, urgent)
  end
  leave()
  redis.call('ZADD', slots, at, member)
  activate(node, member)
  redis.call('SADD', queued, laneId)
  setWait(reason, at)
  put(tailField, text(math.max(behind, from) + interval))
  return {0, math.max(1, at - now), reason, urgent, requesters}
end
if nodeUntil > math.max(now, backoff) then return waitForNode('back-off', nodeUntil, urgent) end
-- Too early for its slot, because clocks differ or the job was promoted: it keeps the slot.
if slot > now and slot >= from then return {0, slot - now, 'rate', urgent, requesters} end
if from > now then return reserve(backoff >= opens and 'back-off' or 'window') end
if theoreticalAt - slack > now then return reserve('rate') end
-- While urgent renewals are queued, a renewal that can wait reserves a slot in the regular queue.
local canWait = not isFront and math.max(tat, field('queueTail')) - slack <= latest
if canWait and field('urgentQueueTail') - slack - interval >= now then return reserve('rate') end
if redis.call('SCARD', keyOf('active', node)) >= share then
  local own, first = 0, now + timeout
  for _, other in ipairs(redis.call('SMEMBERS', keyOf('active', node))) do
    local given = score(inflight, other)
    if given >= 0 then own, first = own + 1, math.min(first, given) end
  end
  if own >= share then return waitForNode('node-limit', first, urgent) end
end
local taken = redis.call('ZCARD', inflight)
if not promoted and urgent == 0 then taken = taken + redis.call('ZCARD', blocked) end
local limit = inFlightLimit(maxInFlight, threshold)
if taken >= limit - keptForPods(now, limit) then
  -- The next result promotes it; without one, the first answer timeout frees a slot.
  local first = redis.call('ZRANGE', inflight, 0, 0, 'WITHSCORES')
  local wait = first[2] and tonumber(first[2]) - now or 1000
  return waitForSlot(math.max(50, wait), field('streak') >= math.max(2, threshold) and 'back-off' or 'in-flight', urgent)
end
leave()
redis.call('HDEL', waits, volume)
activate(node, member)
noteRequest()
redis.call('ZADD', started, now + timeout, volume)
redis.call('ZADD', inflight, now + timeout, member)
put('tat', text(math.max(tat, now) + interval), 'interval', text(interval), 'lastPod', 0)
return {1, 0, '', urgent, requesters}`,
});

/**
 * Promotes waiting renewals of a lane: earlier than their slots if pace or policy changed, or again if a promotion was
 * lost. The arguments are those of admitScript. Returns pairs of promoted member and ms until its start.
 */
export const advanceScript = defineScript({
  keys: laneScriptKeys,
  args: laneLimitArgs,
  prelude: [laneCommon],
  body: `
now = clock(now)
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
if redis.call('EXISTS', slots, blocked, waiting) == 0 then
  redis.call('SREM', queued, laneId)
  return {}
end
if isPaused then return {} end
local interval, slack = pace(now, baseInterval, burst)
-- Slots whose time passed recently: a killed replica may have lost their promotions.
local lost = redis.call('ZRANGEBYSCORE', slots, now - 60000, now - 5000, 'LIMIT', 0, 100)
local promoted = advance(now, interval, slack, now + untilOpen(windows, now), maxInFlight, threshold)
for _, member in ipairs(lost) do
  promoted[#promoted + 1] = member
  promoted[#promoted + 1] = 0
end
return promoted`,
});

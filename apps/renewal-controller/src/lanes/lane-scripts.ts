import { luaScript } from '../redis/lua-script.ts';
import { laneCommon, renewalCommon } from './lane-script-common.ts';

/**
 * Admits a renewal, or decides how long it waits.
 *
 * KEYS: see renewalCommon.
 * ARGV:
 *    1  member (job id)
 *    2  now in ms; '' for the server's time
 *    3  interval between starts in ms
 *    4  burst
 *    5  maximum in flight
 *    6  answer timeout in ms
 *    7  ms until a window opens
 *    8  latest safe start in ms
 *    9  not-after in ms
 *   10  back-off threshold
 *   11  node/volume
 *   12  renewal id in requestedBy
 *   13  lane id
 *   14  due time in ms; 0 if due in any case
 *   15  ms after which a node is silent; 0 disables the check
 * Returns {verdict, wait in ms, wait reason, 1 if urgent else 0, marks of the requesting bulk renewals}. Verdicts: 1
 * admitted, 2 already admitted, 0 waits in the lane, -1 not due yet and not in the lane.
 */
export const admitScript = luaScript(`${renewalCommon}
local member, now, maxInFlight, threshold = ARGV[1], clock(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[10])
local timeout, latest, volume, node = tonumber(ARGV[6]), tonumber(ARGV[8]), ARGV[11], nodeOf(ARGV[11])
local requesters = requestersOf(ARGV[12])
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
if requesters == '' and now < tonumber(ARGV[14]) - 1000 then return notYet(tonumber(ARGV[14]) - now) end
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
local silentAfter = tonumber(ARGV[15])
if silentAfter > 0 and score(seen, node) < now - silentAfter then
  leave()
  setWait('node-silent')
  -- The node's next report promotes it; the wait covers a heartbeat without a report.
  return {0, 120000, 'node-silent', 0, requesters}
end
if state.lastNode ~= node then put('lastNode', node, 'sharedAt', state.lastNode and now or 0) end
local share, nodeUntil = shareOf(node, now, maxInFlight, threshold), failuresOf(node)

-- Waits for a free slot of its node, and at most until one is expected.
local isFront = false
local function waitForNode(reason, at, urgent)
  leave()
  redis.call('ZADD', keyOf('node-limited', node), isFront and ARGV[9] - 1e16 or ARGV[9], member)
  redis.call('HSET', lane .. ':node-limited', member, node)
  keep(keyOf('node-limited', node))
  redis.call('ZADD', waiting, 'NX', now, node)
  redis.call('SADD', queued, ARGV[13])
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
  redis.call('ZADD', blocked, ARGV[9], member)
  activate(node, member)
  redis.call('SADD', queued, ARGV[13])
  return {0, wait, reason, urgent, requesters}
end
-- A resume promotes blocked renewals; the long wait covers a resume that was interrupted.
if state.paused then return waitForSlot(600000, 'paused', 0) end

local interval, slack = pace(now, tonumber(ARGV[3]), tonumber(ARGV[4]))
local tat, backoff = field('tat'), field('until')
local ignoresWindows = string.find(requesters, '!', 1, true)
local opens = ignoresWindows and now or now + tonumber(ARGV[7])
local slot = score(slots, member)
local promoted = slot >= 0 or score(blocked, member) >= 0

local from = math.max(now, backoff, opens)
local tailField, theoreticalAt = 'queueTail', promoted and tat or math.max(tat, field('queueTail'))
local urgent = 0
if math.max(from, nodeUntil, theoreticalAt - slack) > latest then
  -- It would expire before its turn: it ignores windows and joins the urgent queue.
  urgent, isFront, from = 1, true, math.max(now, backoff)
elseif ignoresWindows and (tonumber(ARGV[7]) > 0 or field('urgentQueueTail') - slack < now + 60000) then
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
  redis.call('SADD', queued, ARGV[13])
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
if taken >= inFlightLimit(maxInFlight, threshold) then
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
put('tat', text(math.max(tat, now) + interval), 'interval', text(interval))
return {1, 0, '', urgent, requesters}`);

/**
 * Settles a renewal: removes it from its lane, adjusts the pace to the outcome and promotes waiting renewals.
 *
 * KEYS: those of renewalCommon, then the outbox of the node.
 * ARGV:
 *    1  member (job id)
 *    2  now in ms; '' for the server's time
 *    3  outcome: ok, failed, deferred or gone
 *    4  maximum in flight
 *    5  back-off threshold
 *    6  initial back-off in ms
 *    7  maximum back-off in ms
 *    8  random number from 0 to 1
 *    9  node/volume
 *   10  error message of a failure
 *   11  renewal id in requestedBy
 *   12  interval between starts in ms
 *   13  burst
 *   14  ms until a window opens
 *   15  cooldown of the volume in ms
 *   16  id of the batch in the outbox, which makes the outcome count once; '' for none
 *   17  volume id in the batch
 * Returns {code, marks of the requesting bulk renewals, then pairs of promoted member and ms until its start}. Code: 1
 * if the renewal was started, else 0; plus 2 if the batch had counted it before.
 */
export const settleScript = luaScript(`${renewalCommon}
local member, now, outcome = ARGV[1], clock(ARGV[2]), ARGV[3]
local maxInFlight, threshold, volume, node = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[9], nodeOf(ARGV[9])
local requesters = requestersOf(ARGV[11])
local outbox, batch, counted = KEYS[13], ARGV[16], 'c:' .. ARGV[17]
if batch ~= '' then
  -- Another replica has settled the batch.
  if redis.call('HGET', outbox, 'batch') ~= batch then return {2, ''} end
  local wasStarted = redis.call('HGET', outbox, counted)
  if wasStarted then return {2 + wasStarted, requesters} end
end
redis.call('ZREM', started, volume)
redis.call('HDEL', waits, volume)
redis.call('ZREMRANGEBYSCORE', cooldown, '-inf', now)
local cooldownMs = tonumber(ARGV[15])
local wasRequest = redis.call('SREM', keyOf('requested', node), member) == 1
-- Its agent refused it as an automatic renewal, but it was requested meanwhile: it returns soon, as a request.
if outcome == 'deferred' and requesters ~= '' and not wasRequest then cooldownMs = math.min(cooldownMs, 2000) end
if cooldownMs > 0 then redis.call('ZADD', cooldown, math.ceil(now + cooldownMs), volume) end
redis.call('SREM', keyOf('active', node), member)
leaveNodeLimited(node, member)
local wasStarted = redis.call('ZREM', inflight, member)
if batch ~= '' then redis.call('HSET', outbox, counted, wasStarted) end
-- A renewal in flight is neither queued nor blocked.
local leftQueue = wasStarted == 0 and redis.call('ZREM', blocked, member) == 0 and redis.call('ZREM', slots, member) == 1

local function backoffEnd(streak, minStreak)
  local wait = math.min(tonumber(ARGV[7]), tonumber(ARGV[6]) * 2 ^ math.min(30, streak - minStreak))
  return math.ceil(now + wait * (0.5 + ARGV[8] / 2))
end
-- Counts a failure of the node, which delays only its own renewals.
local function nodeFailed()
  local backoffUntil, streak, last = failuresOf(node)
  if now < backoffUntil or (streak < threshold and last == volume) then return end
  local key = keyOf('node', node)
  streak = streak + 1
  redis.call('HSET', key, 'streak', streak, 'lastFailed', volume, 'failedAt', now,
    'until', streak >= threshold and backoffEnd(streak, threshold) or 0)
  redis.call('PEXPIRE', key, math.ceil(3600000 + ARGV[7] * 2))
end
-- Counts a failure of the lane. A streak needs failures of different nodes, because one broken node or volume does not
-- indicate a broken issuer. During the back-off, failures of renewals that were already in flight do not count.
local function laneFailed()
  local minStreak, streak, nodes = math.max(2, threshold), field('streak'), state.failedNodes or ''
  local counts = streak >= minStreak and state.lastFailedNode ~= node
  if streak < minStreak then counts = not string.find(',' .. nodes .. ',', ',' .. node .. ',', 1, true) end
  if not counts or now < field('until') then return end
  streak = streak + 1
  if streak == 1 then put('failingSince', now) end
  put('streak', streak, 'lastFailedNode', node)
  if streak <= minStreak then put('failedNodes', nodes == '' and node or nodes .. ',' .. node) end
  if streak >= minStreak then
    put('until', backoffEnd(streak, minStreak), 'paceDivisorLog2', math.min(6, math.max(2, field('paceDivisorLog2')) + 1))
  end
end
if outcome == 'ok' then
  put('okAt', now)
  if field('streak') > 0 or field('paceDivisorLog2') > 0 then
    put('streak', 0, 'until', 0, 'paceDivisorLog2', math.max(0, field('paceDivisorLog2') - 0.25), 'failedNodes', '',
      'lastFailedNode', '', 'failingSince', 0)
  end
elseif outcome == 'failed' then
  put('error', ARGV[10], 'errorAt', now)
  nodeFailed()
  laneFailed()
end

if state.paused then return {wasStarted, requesters} end
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
local interval, slack = pace(now, tonumber(ARGV[12]), tonumber(ARGV[13]))
-- Otherwise the slots of cancelled renewals would stay reserved.
if leftQueue then endQueueAfterLast(slack, interval) end
return {wasStarted, requesters, unpack(advance(now, interval, slack, now + tonumber(ARGV[14]), maxInFlight, threshold))}`);

/**
 * Promotes waiting renewals of a lane: earlier than their slots if pace or policy changed, or again if a promotion was
 * lost.
 *
 * KEYS: see laneCommon.
 * ARGV: lane id, now in ms or '', interval between starts in ms, burst, maximum in flight, back-off threshold, ms until
 * a window opens.
 * Returns pairs of promoted member and ms until its start.
 */
export const advanceScript = luaScript(`${laneCommon}
local now = clock(ARGV[2])
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
if redis.call('EXISTS', slots, blocked, waiting) == 0 then
  redis.call('SREM', queued, ARGV[1])
  return {}
end
if state.paused then return {} end
local interval, slack = pace(now, tonumber(ARGV[3]), tonumber(ARGV[4]))
-- Slots whose time passed recently: a killed replica may have lost their promotions.
local lost = redis.call('ZRANGEBYSCORE', slots, now - 60000, now - 5000, 'LIMIT', 0, 100)
local promoted = advance(now, interval, slack, now + tonumber(ARGV[7]), tonumber(ARGV[5]), tonumber(ARGV[6]))
for _, member in ipairs(lost) do
  promoted[#promoted + 1] = member
  promoted[#promoted + 1] = 0
end
return promoted`);

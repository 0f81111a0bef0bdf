import { luaScript } from '../redis/lua-script.ts';
import { laneCommon, renewalCommon } from './lane-script-common.ts';

/**
 * Admits a renewal, or says how long it has to wait. KEYS as renewalCommon. ARGV member, now in ms ('' for the server's),
 * interval between starts in ms, burst, most in flight, answer timeout in ms, ms until a window opens, latest start in ms,
 * not-after in ms, back-off threshold, node/volume, its name in requestedBy, lane id, due in ms (0 for now), ms after which a
 * node is silent (0 for never). Answers {1 admitted, 2 already, 0 it waits in the lane, -1 its time has not come; ms to
 * wait; reason; 1 if urgent; who requestedBy it}.
 */
export const admitScript = luaScript(`${renewalCommon}
local member, now, most, threshold = ARGV[1], clock(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[10])
local timeout, latest, volume, node = tonumber(ARGV[6]), tonumber(ARGV[8]), ARGV[11], nodeOf(ARGV[11])
local requesters = wantedBy(ARGV[12])
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
-- Whoever did not come for its slot within an hour is not coming.
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
-- A worker's clock may be ahead, and a request may have been cancelled after its job was brought forward.
if requesters == '' and now < tonumber(ARGV[14]) - 1000 then return notYet(tonumber(ARGV[14]) - now) end
if score(inflight, member) >= 0 then return {2, 0, '', 0, requesters} end
local rests = score(cooldown, volume)
if rests > now then return notYet(rests - now) end

local function setWait(reason, at)
  redis.call('HSET', waits, volume, reason .. ':' .. (at and string.format('%.0f', at) or ''))
end
local silentAfter = tonumber(ARGV[15])
if silentAfter > 0 and score(seen, node) < now - silentAfter then
  leave()
  setWait('node-silent')
  -- Its next snapshot calls it; the wait is for one that goes on without.
  return {0, 120000, 'node-silent', 0, requesters}
end
if state.lastNode ~= node then put('lastNode', node, 'sharedAt', state.lastNode and now or 0) end
local share, nodeUntil = shareOf(node, now, most, threshold), failuresOf(node)

-- Waits to be promoted when its node has a free slot again, or for the time at which that is expected at the latest.
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
-- A resume calls what a pause blocked; the long wait is for a resume that was cut short.
if state.paused then return waitForSlot(600000, 'paused', 0) end

local interval, slack = pace(now, tonumber(ARGV[3]), tonumber(ARGV[4]))
local tat, backoff = field('tat'), field('until')
local isHurried = string.find(requesters, '!', 1, true)
local opens = isHurried and now or now + tonumber(ARGV[7])
local slot = score(slots, member)
local promoted = slot >= 0 or score(blocked, member) >= 0

local from = math.max(now, backoff, opens)
local ends, line = 'queueTail', promoted and tat or math.max(tat, field('queueTail'))
local urgent = 0
if math.max(from, nodeUntil, line - slack) > latest then
  -- It would expire before its turn: it does not wait for a window, and is queued with the urgent, before the others.
  urgent, isFront, from = 1, true, math.max(now, backoff)
elseif isHurried and (tonumber(ARGV[7]) > 0 or field('urgentQueueTail') - slack < now + 60000) then
  -- It waits for no window nor behind those that do; a large request goes first only while the urgent have a short queue.
  isFront = true
end
if isFront then
  ends = 'urgentQueueTail'
  line = promoted and slot <= now and tat or math.max(tat, field(ends))
  -- Its slot may be of the other queue.
  if slot > math.ceil(math.max(from, line - slack)) + 250 then slot = -1 end
end
local function reserve(reason)
  local behind = math.max(tat, field(ends))
  local at = math.ceil(math.max(from, behind - slack))
  if redis.call('SISMEMBER', keyOf('active', node), member) == 0 and takenBy(node, at, share) >= share then
    return waitForNode(reason == 'rate' and 'node-limit' or reason, at, urgent)
  end
  leave()
  redis.call('ZADD', slots, at, member)
  activate(node, member)
  redis.call('SADD', queued, ARGV[13])
  setWait(reason, at)
  put(ends, text(math.max(behind, from) + interval))
  return {0, math.max(1, at - now), reason, urgent, requesters}
end
if nodeUntil > math.max(now, backoff) then return waitForNode('back-off', nodeUntil, urgent) end
-- Too early for its slot: clocks differ, or somebody promoted the job. The slot stays.
if slot > now and slot >= from then return {0, slot - now, 'rate', urgent, requesters} end
if from > now then return reserve(backoff >= opens and 'back-off' or 'window') end
if line - slack > now then return reserve('rate') end
-- While the urgent have slots to come, whoever can wait in the other queue gives way to them.
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
if taken >= roomOf(most, threshold) then
  -- Called by an answer; should none come, by the end of the slot that is given up first.
  local first = redis.call('ZRANGE', inflight, 0, 0, 'WITHSCORES')
  local wait = first[2] and tonumber(first[2]) - now or 1000
  return waitForSlot(math.max(50, wait), field('streak') >= math.max(2, threshold) and 'back-off' or 'in-flight', urgent)
end
leave()
redis.call('HDEL', waits, volume)
activate(node, member)
redis.call('ZADD', started, now + timeout, volume)
redis.call('ZADD', inflight, now + timeout, member)
put('tat', text(math.max(tat, now) + interval), 'interval', text(interval))
return {1, 0, '', urgent, requesters}`);

/**
 * Ends a renewal's stay in its lane. KEYS as renewalCommon. ARGV member, now in ms or '', outcome (ok, failed, deferred, gone), most
 * in flight, threshold, initial and longest back-off in ms, a random number from 0 to 1, node/volume, what failed, its
 * name in requestedBy, interval between starts in ms, burst, ms until a window opens, ms for which the volume is not renewed
 * again, and for an outcome of a report the id of its batch and the volume id, which make it count once; '' otherwise.
 * KEYS[13] outbox of the node. Answers 1 when it was started and 0 otherwise, and 2 more when the batch had counted it
 * before; who requestedBy it; then who may come and in how many ms, in turn.
 */
export const settleScript = luaScript(`${renewalCommon}
local member, now, outcome = ARGV[1], clock(ARGV[2]), ARGV[3]
local most, threshold, volume, node = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[9], nodeOf(ARGV[9])
local requesters = wantedBy(ARGV[11])
local outbox, batch, counted = KEYS[13], ARGV[16], 'c:' .. ARGV[17]
if batch ~= '' then
  -- Another replica has settled the whole batch.
  if redis.call('HGET', outbox, 'batch') ~= batch then return {2, ''} end
  local wasStarted = redis.call('HGET', outbox, counted)
  if wasStarted then return {2 + wasStarted, requesters} end
end
redis.call('ZREM', started, volume)
redis.call('HDEL', waits, volume)
redis.call('ZREMRANGEBYSCORE', cooldown, '-inf', now)
local rest = tonumber(ARGV[15])
-- Requested while its agent refused it as an automatic one: it comes again soon, and as a request.
if outcome == 'deferred' and requesters ~= '' then rest = math.min(rest, 2000) end
if rest > 0 then redis.call('ZADD', cooldown, math.ceil(now + rest), volume) end
redis.call('SREM', keyOf('active', node), member)
leaveNodeLimited(node, member)
local wasStarted = redis.call('ZREM', inflight, member)
if batch ~= '' then redis.call('HSET', outbox, counted, wasStarted) end
-- What is in flight is neither queued nor blocked.
local leftQueue = wasStarted == 0 and redis.call('ZREM', blocked, member) == 0 and redis.call('ZREM', slots, member) == 1

local function restOf(streak, least)
  local wait = math.min(tonumber(ARGV[7]), tonumber(ARGV[6]) * 2 ^ math.min(30, streak - least))
  return math.ceil(now + wait * (0.5 + ARGV[8] / 2))
end
-- What one node reports is held against its own renewals alone.
local function nodeFailed()
  local ends, streak, last = failuresOf(node)
  if now < ends or (streak < threshold and last == volume) then return end
  local key = keyOf('node', node)
  streak = streak + 1
  redis.call('HSET', key, 'streak', streak, 'lastFailed', volume, 'failedAt', now,
    'until', streak >= threshold and restOf(streak, threshold) or 0)
  redis.call('PEXPIRE', key, math.ceil(3600000 + ARGV[7] * 2))
end
-- One broken node or volume among healthy ones is not the issuer's fault; what was in flight when the issuer broke says
-- nothing that is not known yet.
local function laneFailed()
  local least, streak, nodes = math.max(2, threshold), field('streak'), state.failedNodes or ''
  local isNews = streak >= least and state.lastFailedNode ~= node
  if streak < least then isNews = not string.find(',' .. nodes .. ',', ',' .. node .. ',', 1, true) end
  if not isNews or now < field('until') then return end
  streak = streak + 1
  if streak == 1 then put('failingSince', now) end
  put('streak', streak, 'lastFailedNode', node)
  if streak <= least then put('failedNodes', nodes == '' and node or nodes .. ',' .. node) end
  if streak >= least then
    put('until', restOf(streak, least), 'paceDivisorLog2', math.min(6, math.max(2, field('paceDivisorLog2')) + 1))
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
-- Or slots of the cancelled would be waited for.
if leftQueue then endQueueAfterLast(slack, interval) end
return {wasStarted, requesters, unpack(advance(now, interval, slack, now + tonumber(ARGV[14]), most, threshold))}`);

/**
 * Calls what waits in a lane and may come by now: earlier than its slot says when pace or policy have changed, or again
 * when its call was lost. KEYS as laneCommon. ARGV lane id, now in ms or '', interval between starts in ms, burst, most in
 * flight, back-off threshold, ms until a window opens. Answers members and in how many ms each is to come, in turn.
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
-- The replica that was to call them may have been killed.
local lost = redis.call('ZRANGEBYSCORE', slots, now - 60000, now - 5000, 'LIMIT', 0, 100)
local promoted = advance(now, interval, slack, now + tonumber(ARGV[7]), tonumber(ARGV[5]), tonumber(ARGV[6]))
for _, member in ipairs(lost) do
  promoted[#promoted + 1] = member
  promoted[#promoted + 1] = 0
end
return promoted`);

import { serverTime } from '../redis/lua-script.ts';

// State of a lane in Redis, used by all lane scripts. Below the key of the lane (`<lane>`), in its hash slot:
//
// <lane>  hash:
//   tat                     theoretical arrival time (GCRA) of the admitted starts; the rate limit compares it with now
//   interval                the time between starts that tat was computed with, in ms
//   queueTail               end of the queue: the time of the next slot
//   urgentQueueTail         end of the queue of urgent renewals
//   until                   end of the back-off
//   streak                  consecutive failures
//   paceDivisorLog2         the pace is divided by 2 to this power after failures
//   failedNodes             the nodes that reported failures of the streak, comma-separated
//   lastFailedNode          the last of them
//   failingSince            begin of the streak
//   error, errorAt          the last failure
//   okAt                    the last success
//   lastNode, sharedAt      the last node, and when it last differed from the one before
//   paused                  set while the lane is paused, as a replica saw it last: other replicas may not know yet
//   podTat, refreshTat      theoretical arrival times of the shares of pod certificates, and of their refreshes
//   podsUntil               until when podsKept and podsWaiting hold without a new request of the signer
//   podsKept                slots in flight that renewals leave to pod certificates
//   podsWaiting, podsInFlight  pod certificates that wait in the signer, and in flight, at its last request
//   lastPod, lastPodAt      1 if the last start was a pod certificate, else 0; its time
//   asker, askSequence      the signer that asked last for permits, and the number of its request
// <lane>:inflight           sorted set: started renewals without a result, by the time at which the answer timeout
//                           frees the slot
// <lane>:slots              sorted set: queued renewals by their reserved time; a past time means promoted, but not yet
//                           arrived
// <lane>:blocked            sorted set: renewals waiting for a slot in flight or the end of a pause, by not-after (most
//                           urgent first)
// <lane>:pods               sorted set: pod certificates in flight, which are also in inflight, by the same time
// <lane>:node-limited       hash: renewals waiting for the share of their node → node
// <lane>:waiting            sorted set: nodes with such renewals, by the time at which one of them was last promoted
// <lane>:node:<node>        hash: until, streak, lastFailed, failedAt of the failures that this node reports
// <lane>:active:<node>      set: the node's renewals in inflight, slots and blocked
// <lane>:node-limited:<node>  sorted set: renewals waiting for the share of the node, by not-after; negative scores
//                             ignore windows
//
// Shared by all lanes:
//   started      sorted set: started renewals without a result, as node/volume, by the end of the answer timeout
//   waits        hash: node/volume → why its lane delays it, as reason:until in ms; until is empty if unknown
//   requestedBy  hash: the bulk renewals that request a renewal (bulk-renewal-scripts.ts)
//   queued       set: ids of lanes in which renewals wait
//   cooldown     sorted set: node/volume by the time before which no automatic renewal of it starts
//   cancelled    sorted set: ids of cancelled bulk renewals
//   seen         sorted set: nodes by the time of their last heartbeat
//   silentNodes  set: nodes that were silent when their renewals were due
//   silentNodes:<node>  sorted set: job ids of these renewals, by the time of the next attempt to promote them

/** The keys that laneCommon uses. */
export const laneScriptKeys = ['lane', 'inflight', 'slots', 'blocked', 'waiting', 'queued'] as const;

/** The arguments of the scripts that start what waits in a lane. All times and durations are in ms. */
export const laneLimitArgs = {
  laneId: 'string',
  pausedByPolicy: 'number',
  /** Undefined for the server's time. */
  now: 'number?',
  /** Time between starts. */
  baseInterval: 'number',
  burst: 'number',
  maxInFlight: 'number',
  /** Failures before the back-off. */
  threshold: 'number',
  /** Windows, as `from-to` in milliseconds since the epoch; '' without any, then `last` if no other begins later. */
  windows: 'string',
} as const;

/**
 * Prelude of every lane script; it uses laneScriptKeys and the argument pausedByPolicy (1 if a LanePolicy pauses the lane,
 * else 0), so that a pause holds although Redis has lost it. Times are those of the Redis server, so that no replica's clock
 * decides.
 */
export const laneCommon = `${serverTime}
local fields = {'tat', 'interval', 'queueTail', 'urgentQueueTail', 'until', 'streak', 'paceDivisorLog2', 'failedNodes',
  'lastFailedNode', 'okAt', 'lastNode', 'sharedAt', 'paused', 'podTat', 'refreshTat', 'podsUntil', 'podsKept', 'lastPod',
  'lastPodAt', 'errorAt'}
local state = {}
for i, value in ipairs(redis.call('HMGET', lane, unpack(fields))) do state[fields[i]] = value end
local isPaused = pausedByPolicy == 1 or state.paused
local function field(name) return tonumber(state[name] or 0) end
local function text(number) return string.format('%.3f', number) end
local function put(...)
  local written = {...}
  for i = 1, #written, 2 do state[written[i]] = written[i + 1] end
  redis.call('HSET', lane, ...)
end
local function clock(given) return given or nowMs() end
-- The time until a window opens, at most 30 days: then it is checked again. All of them may be over: for good, or because
-- the clock of the replica that sent them is wrong, which sends others a minute later.
local function untilOpen(windows, now)
  if windows == '' then return 0 end
  local opens = now + (string.find(windows, 'last', 1, true) and 2592000000 or 60000)
  local isKnown = false
  for from, to in string.gmatch(windows, '(%d+)%-(%d+)') do
    from, to = tonumber(from), tonumber(to)
    if now < to and (from < opens or not isKnown) then opens, isKnown = from, true end
  end
  return math.min(math.max(0, opens - now), 2592000000)
end
local function score(key, member) return tonumber(redis.call('ZSCORE', key, member) or -1) end
local function inFlightLimit(maxInFlight, threshold)
  -- While the issuer fails, a single renewal probes it.
  if field('streak') >= math.max(2, threshold) then return 1 end
  return math.max(1, math.floor(maxInFlight / 2 ^ field('paceDivisorLog2')))
end
-- Slots in flight that renewals leave to pod certificates that wait (permit-script.ts). A single slot alternates.
local function keptForPods(now, limit)
  if field('podsUntil') <= now or field('podsKept') == 0 then return 0 end
  if limit == 1 then return 1 - field('lastPod') end
  return math.min(field('podsKept'), limit - 1)
end
-- Returns the interval between starts and the burst tolerance, in ms. If the pace has risen, earlier starts count at
-- the new interval.
local function pace(now, base, burst)
  local paceDivisorLog2 = field('paceDivisorLog2')
  local interval = base * 2 ^ paceDivisorLog2
  local was, tat = field('interval'), field('tat')
  if was > interval then
    put('interval', text(interval), 'tat', text(tat > now and now + (tat - now) * interval / was or tat))
  end
  return interval, interval * ((paceDivisorLog2 > 0 and 1 or burst) - 1)
end
-- Moves the ends of both queues to the slot after the last reserved one.
local function endQueueAfterLast(slack, interval)
  local last = redis.call('ZRANGE', slots, -1, -1, 'WITHSCORES')
  local queueTail = last[2] and tonumber(last[2]) + slack + interval or 0
  put('queueTail', text(math.min(field('queueTail'), queueTail)),
    'urgentQueueTail', text(math.min(field('urgentQueueTail'), queueTail)))
end

local function keyOf(kind, node) return lane .. ':' .. kind .. ':' .. node end
-- Returns the node's back-off end, failure streak and last failed volume. A later success in the lane resets them.
local function failuresOf(node)
  local found = redis.call('HMGET', keyOf('node', node), 'until', 'streak', 'lastFailed', 'failedAt')
  if tonumber(found[4] or 0) <= field('okAt') then return 0, 0, '' end
  return tonumber(found[1] or 0), tonumber(found[2] or 0), found[3]
end
-- Maximum number of slots of one node: a quarter of the lane. A small lane used by a single node is not divided.
local function shareOf(node, now, maxInFlight, threshold)
  local _, streak = failuresOf(node)
  if streak >= threshold then return 1 end
  local limit = inFlightLimit(maxInFlight, threshold)
  if maxInFlight < 16 and now - field('sharedAt') > 3600000 then return limit end
  return math.max(1, math.ceil(limit / 4))
end
-- Number of slots of the node: in flight, blocked, and queued until a time. 0 if it is certainly below the limit.
local function takenBy(node, at, limit)
  local active = keyOf('active', node)
  if redis.call('SCARD', active) < limit then return 0 end
  local count = 0
  for _, member in ipairs(redis.call('SMEMBERS', active)) do
    local slot = score(slots, member)
    if slot >= 0 then
      if slot <= at then count = count + 1 end
    elseif score(inflight, member) >= 0 or score(blocked, member) >= 0 then count = count + 1
    else redis.call('SREM', active, member) end
  end
  return count
end
-- Keys of nodes expire 31 days after their last use.
local function keep(key) redis.call('PEXPIRE', key, 2678400000) end
local function activate(node, member)
  redis.call('SADD', keyOf('active', node), member)
  keep(keyOf('active', node))
end
local function leaveNodeLimited(node, member)
  local nodeLimited = keyOf('node-limited', node)
  if redis.call('HDEL', lane .. ':node-limited', member) == 0 then return end
  redis.call('ZREM', nodeLimited, member)
  if redis.call('EXISTS', nodeLimited) == 0 then redis.call('ZREM', waiting, node) end
end

-- Promotes waiting renewals while slots in flight are free: first the blocked ones; then queued ones whose slots are
-- later than pace and policy require; then those that wait for the share of their node, the least recently promoted node
-- first. Returns pairs of member and ms until its start.
local function advance(now, interval, slack, opens, maxInFlight, threshold)
  local promoted = {}
  if isPaused or redis.call('EXISTS', slots, blocked, waiting) == 0 then return promoted end
  local arriving = redis.call('ZCOUNT', slots, now - 5000, now)
  local limit = inFlightLimit(maxInFlight, threshold)
  local free = limit - keptForPods(now, limit) - redis.call('ZCARD', inflight) - arriving
  if free <= 0 then return promoted end
  local function promote(member, at)
    redis.call('ZADD', slots, at, member)
    promoted[#promoted + 1] = member
    promoted[#promoted + 1] = at - now
    free = free - 1
  end
  local from, behind = math.max(now, field('until')), field('tat')
  if arriving > 0 then behind = math.max(behind, from) + arriving * interval end
  for _, member in ipairs(redis.call('ZRANGE', blocked, 0, math.min(free, 500) - 1)) do
    redis.call('ZREM', blocked, member)
    promote(member, now)
    behind = math.max(behind, from) + interval
  end
  if free > 0 then
    local isMoved = false
    local ahead = redis.call('ZRANGEBYSCORE', slots, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, math.min(free, 500))
    local times = {}
    for i = 1, #ahead, 2 do
      local slot = tonumber(ahead[i + 1])
      local at = math.ceil(math.max(slot >= opens and math.max(from, opens) or from, behind - slack))
      if at > now + 1500 then break end
      times[#times + 1] = at
      -- Compared with the time that the pace requires, not with the preceding slot: small delays of each slot add up.
      isMoved = isMoved or slot - at > 250
      behind = math.max(behind, at) + interval
    end
    for i, at in ipairs(isMoved and times or {}) do
      if tonumber(ahead[2 * i]) > at then promote(ahead[2 * i - 1], at) end
    end
    if isMoved then endQueueAfterLast(slack, interval) end
  end
  for _, node in ipairs(redis.call('ZRANGE', waiting, 0, 19)) do
    if free <= 0 or math.max(from, behind - slack) > now + 1500 then break end
    redis.call('ZADD', waiting, now, node)
    local share = shareOf(node, now, maxInFlight, threshold)
    local own = math.min(free, share - takenBy(node, now + 1500, share))
    if own > 0 and failuresOf(node) <= now then
      -- Outside a window, only renewals that ignore windows (negative scores).
      local maxScore = opens > now + 1500 and '(0' or '+inf'
      local first = redis.call('ZRANGEBYSCORE', keyOf('node-limited', node), '-inf', maxScore, 'LIMIT', 0, own)
      for _, member in ipairs(first) do
        leaveNodeLimited(node, member)
        activate(node, member)
        promote(member, now)
        behind = math.max(behind, from) + interval
      end
    end
    -- The key may have expired.
    if redis.call('EXISTS', keyOf('node-limited', node)) == 0 then redis.call('ZREM', waiting, node) end
  end
  return promoted
end`;

/**
 * Prelude of the scripts that count results, after laneCommon; it uses the arguments now, threshold, initialBackoff,
 * maxBackoff and random.
 */
export const resultCommon = `
local function backoffEnd(streak, minStreak)
  local wait = math.min(maxBackoff, initialBackoff * 2 ^ math.min(30, streak - minStreak))
  return math.ceil(now + wait * (0.5 + random / 2))
end
-- Counts a failure of the lane. A streak needs failures of different sources (nodes, or requests of pods), because one
-- broken node or volume does not indicate a broken issuer. During the back-off, failures of what was already in flight do
-- not count.
local function laneFailed(source)
  local minStreak, streak, nodes = math.max(2, threshold), field('streak'), state.failedNodes or ''
  local counts = streak >= minStreak and state.lastFailedNode ~= source
  if streak < minStreak then counts = not string.find(',' .. nodes .. ',', ',' .. source .. ',', 1, true) end
  if not counts or now < field('until') then return end
  streak = streak + 1
  if streak == 1 then put('failingSince', now) end
  put('streak', streak, 'lastFailedNode', source)
  if streak <= minStreak then put('failedNodes', nodes == '' and source or nodes .. ',' .. source) end
  if streak >= minStreak then
    put('until', backoffEnd(streak, minStreak), 'paceDivisorLog2', math.min(6, math.max(2, field('paceDivisorLog2')) + 1))
  end
end
local function laneSucceeded()
  put('okAt', now)
  if field('streak') > 0 or field('paceDivisorLog2') > 0 then
    put('streak', 0, 'until', 0, 'paceDivisorLog2', math.max(0, field('paceDivisorLog2') - 0.25), 'failedNodes', '',
      'lastFailedNode', '', 'failingSince', 0)
  end
end`;

/** The keys that renewalCommon uses. */
export const renewalScriptKeys = [
  ...laneScriptKeys,
  'started',
  'waits',
  'requestedBy',
  'cooldown',
  'cancelled',
  'seen',
  'silentNodes',
] as const;

/** Prelude of the scripts that admit or end a renewal; it uses renewalScriptKeys. */
export const renewalCommon = `${laneCommon}
local function nodeOf(volume) return string.match(volume, '^([^/]*)') end
local function leaveSilent(node, member)
  local key = silentNodes .. ':' .. node
  if redis.call('ZREM', key, member) == 1 and redis.call('EXISTS', key) == 0 then redis.call('SREM', silentNodes, node) end
end
-- Returns the marks of the bulk renewals that request the renewal, without cancelled ones.
local function requestersOf(renewal)
  local wanted = {}
  for mark in string.gmatch(redis.call('HGET', requestedBy, renewal) or '', '[^,]+') do
    if score(cancelled, (string.gsub(mark, '!', ''))) < 0 then wanted[#wanted + 1] = mark end
  end
  return table.concat(wanted, ',')
end`;

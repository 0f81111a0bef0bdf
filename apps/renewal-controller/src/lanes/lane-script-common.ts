// What the scripts of a lane share. A lane is one hash and some sorted sets:
//   tat      theoretical arrival time (GCRA) of the starts that were admitted: what the limit is measured by
//   interval the time between starts that tat was computed with, in ms
//   queueTail     end of the queue: who comes now and may not start gets the time behind it; urgentQueueTail  of the urgent
//   until    end of the back-off; streak  failures in a row; paceDivisorLog2  halvings of pace still in force
//   failedNodes  the nodes that the streak was seen by, comma-separated; lastFailedNode  the last of them
//   okAt     the last success; lastNode, sharedAt  the node that came last, and when it last was another than before
//   :inflight  started and unanswered, by the time at which their slot in flight is given up
//   :slots     queued, by the time reserved for them; once it has come, promoted and on their way
//   :blocked    waiting for a slot in flight or for the end of a pause, by not-after, the most urgent first
//   :node-limited   hash of what waits for its node's share, to the node
//   :waiting   nodes that have such renewals, by the time at which one of them was last promoted
// Of each node in a lane, so that none takes more than its share:
//   :node:     hash: until, streak, lastFailed, failedAt of the failures that this node alone reports
//   :active:   set of what it has in flight, in slots and blocked
//   :node-limited:  what waits for the node's share, by not-after, the most urgent first; below 0 what waits for no window
// Shared by all lanes:
//   started    what is started and unanswered, node/volume by the time at which its slot is given up
//   waits      why lanes let renewals wait, by node/volume: reason:until in ms, without a time where none is known
//   requestedBy    which bulk renewals want a renewal (bulk-renewal-scripts.ts)
//   queued     the ids of lanes in which renewals wait
//   cooldown    node/volume by the time before which no automatic renewal of it starts
//   cancelled  ids of cancelled bulk renewals
//   seen       nodes by the time at which they were last heard of
// Keys of nodes are made in the scripts, below the key of the lane and so in its hash slot.

/** KEYS of all lane scripts: the lane's five, then `queued`. Time is the server's: no replica's clock decides. */
export const laneCommon = `
local lane, inflight, slots, blocked, waiting, queued = unpack(KEYS)
local fields = {'tat', 'interval', 'queueTail', 'urgentQueueTail', 'until', 'streak', 'paceDivisorLog2', 'failedNodes', 'lastFailedNode',
  'okAt', 'lastNode', 'sharedAt', 'paused'}
local state = {}
for i, value in ipairs(redis.call('HMGET', lane, unpack(fields))) do state[fields[i]] = value end
local function field(name) return tonumber(state[name] or 0) end
local function text(number) return string.format('%.3f', number) end
local function put(...)
  local written = {...}
  for i = 1, #written, 2 do state[written[i]] = written[i + 1] end
  redis.call('HSET', lane, ...)
end
local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function score(key, member) return tonumber(redis.call('ZSCORE', key, member) or -1) end
local function roomOf(most, threshold)
  if field('streak') >= math.max(2, threshold) then return 1 end
  return math.max(1, math.floor(most / 2 ^ field('paceDivisorLog2')))
end
-- The interval between starts and the burst in ms. When the pace has risen, what was admitted before counts at the new one.
local function pace(now, base, burst)
  local paceDivisorLog2 = field('paceDivisorLog2')
  local interval = base * 2 ^ paceDivisorLog2
  local was, tat = field('interval'), field('tat')
  if was > interval then
    put('interval', text(interval), 'tat', text(tat > now and now + (tat - now) * interval / was or tat))
  end
  return interval, interval * ((paceDivisorLog2 > 0 and 1 or burst) - 1)
end
local function endQueueAfterLast(slack, interval)
  local last = redis.call('ZRANGE', slots, -1, -1, 'WITHSCORES')
  local queueTail = last[2] and tonumber(last[2]) + slack + interval or 0
  put('queueTail', text(math.min(field('queueTail'), queueTail)), 'urgentQueueTail', text(math.min(field('urgentQueueTail'), queueTail)))
end

local function keyOf(kind, node) return lane .. ':' .. kind .. ':' .. node end
-- A node's failures count against it until somebody succeeds: then it is not the issuer.
local function failuresOf(node)
  local found = redis.call('HMGET', keyOf('node', node), 'until', 'streak', 'lastFailed', 'failedAt')
  if tonumber(found[4] or 0) <= field('okAt') then return 0, 0, '' end
  return tonumber(found[1] or 0), tonumber(found[2] or 0), found[3]
end
-- How many slots of the lane one node may have: a quarter. A small lane that one node has to itself is not divided.
local function shareOf(node, now, most, threshold)
  local _, streak = failuresOf(node)
  if streak >= threshold then return 1 end
  local room = roomOf(most, threshold)
  if most < 16 and now - field('sharedAt') > 3600000 then return room end
  return math.max(1, math.ceil(room / 4))
end
-- How many slots the node has: in flight, blocked, and in the queue up to a time. Not counted exactly below the limit.
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

-- Calls forward what may start: the blocked while slots in flight are free, then the queue as far as its times are later
-- than pace and policy require, then what waits for its node's share, the node first that was promoted least lately.
-- Answers members and how many ms from now each is to come.
local function advance(now, interval, slack, opens, most, threshold)
  local promoted = {}
  if state.paused or redis.call('EXISTS', slots, blocked, waiting) == 0 then return promoted end
  local onTheirWay = redis.call('ZCOUNT', slots, now - 5000, now)
  local free = roomOf(most, threshold) - redis.call('ZCARD', inflight) - onTheirWay
  if free <= 0 then return promoted end
  local function promote(member, at)
    redis.call('ZADD', slots, at, member)
    promoted[#promoted + 1] = member
    promoted[#promoted + 1] = at - now
    free = free - 1
  end
  local from, behind = math.max(now, field('until')), field('tat')
  if onTheirWay > 0 then behind = math.max(behind, from) + onTheirWay * interval end
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
      -- Against the time that pace explains, not the slot before: slots that are each a little late add up to a slow lane.
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
    local share = shareOf(node, now, most, threshold)
    local own = math.min(free, share - takenBy(node, now + 1500, share))
    if own > 0 and failuresOf(node) <= now then
      local most = opens > now + 1500 and '(0' or '+inf'
      local first = redis.call('ZRANGEBYSCORE', keyOf('node-limited', node), '-inf', most, 'LIMIT', 0, own)
      for _, member in ipairs(first) do
        leaveNodeLimited(node, member)
        activate(node, member)
        promote(member, now)
        behind = math.max(behind, from) + interval
      end
    end
    -- Keys of nodes end by themselves after a month.
    if redis.call('EXISTS', keyOf('node-limited', node)) == 0 then redis.call('ZREM', waiting, node) end
  end
  return promoted
end`;

/** KEYS of what admits or ends a renewal: those above, then these. */
export const renewalCommon = `${laneCommon}
local started, waits, requestedBy, cooldown, cancelled, seen = unpack(KEYS, 7)
local function nodeOf(volume) return string.match(volume, '^([^/]*)') end
-- Only requests that are not cancelled count.
local function wantedBy(renewal)
  local wanted = {}
  for mark in string.gmatch(redis.call('HGET', requestedBy, renewal) or '', '[^,]+') do
    if score(cancelled, (string.gsub(mark, '!', ''))) < 0 then wanted[#wanted + 1] = mark end
  end
  return table.concat(wanted, ',')
end`;

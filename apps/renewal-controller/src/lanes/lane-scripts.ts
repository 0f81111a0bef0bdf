import { luaScript } from '../redis/lua-script.ts';

// A lane is one hash and three sorted sets:
//   tat      theoretical arrival time (GCRA) of the starts that were admitted: what the limit is measured by
//   tail     where the line ends: who comes now and may not start gets the time behind it; urgentTail  of the urgent
//   until    end of the back-off; streak  failures in a row; throttle  halvings of pace still in force
//   :inflight  started and unanswered, by the time at which their place is given up
//   :slots     lined up, by the time reserved for them
//   :parked    waiting for a place or for the end of a pause, by not-after, the most urgent first
// Three more keys are every lane's together, the first two by node/volume, so that any replica knows the fleet's renewals
// at a glance:
//   started  a sorted set of what is started and unanswered, by the time at which its place is given up
//   holds    a hash of why lanes let renewals wait: reason:until in ms, without a time where none is known
//   demands  which bulk renewals want a renewal (demand-scripts.ts): read here, since every renewal passes here anyway
const common = `
local lane, inflight, slots, parked, started, holds, demands = unpack(KEYS)
local fields = {'tat', 'tail', 'urgentTail', 'gap', 'until', 'streak', 'throttle', 'culprit', 'paused'}
local state = {}
for i, value in ipairs(redis.call('HMGET', lane, unpack(fields))) do state[fields[i]] = value end
local function field(name) return tonumber(state[name] or 0) end
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
local function places(most, threshold)
  if field('streak') >= threshold then return 1 end
  return math.max(1, math.floor(most / 2 ^ field('throttle')))
end`;

/**
 * Admits a renewal, or says how long it has to wait. KEYS the lane's four, started, holds, demands. ARGV member, now in ms
 * ('' for the server's), interval between starts in ms, burst, most in flight, answer timeout in ms, ms until a window
 * opens, latest start in ms, not-after in ms, back-off threshold, node/volume, its name in demands. Answers
 * {admitted: 1 yes, 2 already, 0 no; ms to wait; reason; 1 if urgent; who demands it}.
 */
export const admitScript = luaScript(`${common}
local member, now, most, threshold = ARGV[1], clock(ARGV[2]), tonumber(ARGV[5]), tonumber(ARGV[10])
local demand = redis.call('HGET', demands, ARGV[12]) or ''
redis.call('ZREMRANGEBYSCORE', started, '-inf', now)
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
-- Whoever did not come for its slot within an hour is not coming.
redis.call('ZREMRANGEBYSCORE', slots, '-inf', now - 3600000)
if redis.call('ZSCORE', inflight, member) then return {2, 0, '', 0, demand} end

local function hold(reason, at) redis.call('HSET', holds, ARGV[11], reason .. ':' .. string.format('%.0f', at)) end
local function park(wait, reason, urgent)
  redis.call('HSET', holds, ARGV[11], reason .. ':')
  redis.call('ZREM', slots, member)
  redis.call('ZADD', parked, ARGV[9], member)
  return {0, wait, reason, urgent, demand}
end
-- A resume wakes what a pause parked; the long wait is for a resume that was cut short.
if state.paused then return park(600000, 'paused', 0) end

local throttle = field('throttle')
local interval = tonumber(ARGV[3]) * 2 ^ throttle
local slack = interval * ((throttle > 0 and 1 or tonumber(ARGV[4])) - 1)
local tat, backoff = field('tat'), field('until')
local opens = string.find(demand, '!', 1, true) and now or now + tonumber(ARGV[7])
local slot = tonumber(redis.call('ZSCORE', slots, member) or -1)
local isParked = slot < 0 and redis.call('ZSCORE', parked, member)
local called = slot >= 0 or isParked

local from = math.max(now, backoff, opens)
local ends, line = 'tail', called and tat or math.max(tat, field('tail'))
local urgent = 0
if math.max(from, line - slack) > tonumber(ARGV[8]) then
  -- It would expire before its turn: it does not wait for a window, and stands in the line of the urgent, before the other.
  urgent, from, ends = 1, math.max(now, backoff), 'urgentTail'
  line = called and tat or math.max(tat, field(ends))
end
local function reserve(reason)
  local behind = math.max(tat, field(ends))
  local at = math.ceil(math.max(from, behind - slack))
  redis.call('ZREM', parked, member)
  redis.call('ZADD', slots, at, member)
  hold(reason, at)
  put('gap', string.format('%.3f', slack + interval), ends, string.format('%.3f', math.max(behind, from) + interval))
  return {0, math.max(1, at - now), reason, urgent, demand}
end
-- Too early for its slot: clocks differ, or somebody promoted the job. The slot stays.
if slot > now and slot >= from and urgent == 0 then return {0, slot - now, 'rate', 0, demand} end
if from > now then return reserve(backoff >= opens and 'back-off' or 'window') end
if line - slack > now then return reserve('rate') end
-- While the urgent have slots to come, whoever can stand in the other line gives way to them.
local canWait = urgent == 0 and math.max(tat, field('tail')) - slack <= tonumber(ARGV[8])
if canWait and field('urgentTail') - slack - interval >= now then return reserve('rate') end
local taken, room = redis.call('ZCARD', inflight), places(most, threshold)
if not called and urgent == 0 then taken = taken + redis.call('ZCARD', parked) end
if taken >= room then
  -- Woken by an answer; should none come, by the end of the place that is given up first.
  local first = redis.call('ZRANGE', inflight, 0, 0, 'WITHSCORES')
  local wait = first[2] and tonumber(first[2]) - now or 1000
  return park(math.max(50, wait), field('streak') >= threshold and 'back-off' or 'in-flight', urgent)
end
if slot >= 0 then redis.call('ZREM', slots, member) end
if isParked then redis.call('ZREM', parked, member) end
redis.call('HDEL', holds, ARGV[11])
redis.call('ZADD', started, now + tonumber(ARGV[6]), ARGV[11])
redis.call('ZADD', inflight, now + tonumber(ARGV[6]), member)
put('tat', string.format('%.3f', math.max(tat, now) + interval))
return {1, 0, '', urgent, demand}`);

/**
 * Ends a renewal's stay in its lane. KEYS the lane's four, started, holds, demands. ARGV member, now in ms or '', outcome
 * (ok, failed, gone), most in flight, threshold, initial and longest back-off in ms, a random number from 0 to 1, volume,
 * what failed, its name in demands. Answers 1 when it was started and 0 otherwise, who demands it, then who may come now
 * in its place.
 */
export const settleScript = luaScript(`${common}
local member, now, outcome = ARGV[1], clock(ARGV[2]), ARGV[3]
local most, threshold = tonumber(ARGV[4]), tonumber(ARGV[5])
local demand = redis.call('HGET', demands, ARGV[11]) or ''
redis.call('ZREM', started, ARGV[9])
redis.call('HDEL', holds, ARGV[9])
local wasStarted = redis.call('ZREM', inflight, member)
-- What is in flight neither stands in the line nor is parked.
if wasStarted == 0 and redis.call('ZREM', parked, member) == 0 and redis.call('ZREM', slots, member) == 1 then
  -- The line ends behind the last that still stands in it, or slots of the cancelled would be waited for.
  local last = redis.call('ZRANGE', slots, -1, -1, 'WITHSCORES')
  local tail = last[2] and tonumber(last[2]) + field('gap') or 0
  put('tail', string.format('%.3f', math.min(field('tail'), tail)),
    'urgentTail', string.format('%.3f', math.min(field('urgentTail'), tail)))
end

local streak, throttle = field('streak'), field('throttle')
if outcome == 'ok' and (streak > 0 or throttle > 0) then
  throttle = math.max(0, throttle - 0.25)
  put('streak', 0, 'until', 0, 'throttle', throttle, 'culprit', '', 'failingSince', 0)
elseif outcome == 'failed' then
  put('error', ARGV[10], 'errorAt', now)
  -- One broken volume among healthy ones is not the issuer's fault; what was in flight when the issuer broke says
  -- nothing that is not known yet.
  local news = streak >= threshold or state.culprit ~= ARGV[9]
  if news and now >= field('until') then
    streak = streak + 1
    if streak == 1 then put('failingSince', now) end
    put('streak', streak, 'culprit', ARGV[9])
    if streak >= threshold then
      local wait = math.min(tonumber(ARGV[7]), tonumber(ARGV[6]) * 2 ^ math.min(30, streak - threshold))
      put('until', math.ceil(now + wait * (0.5 + ARGV[8] / 2)),
        'throttle', math.min(6, math.max(2, throttle) + 1))
    end
  end
end

if state.paused then return {wasStarted, demand} end
redis.call('ZREMRANGEBYSCORE', inflight, '-inf', now)
local free = places(most, threshold) - redis.call('ZCARD', inflight)
if free <= 0 then return {wasStarted, demand} end
local woken = redis.call('ZRANGE', parked, 0, free - 1)
for _, next in ipairs(woken) do
  redis.call('ZREM', parked, next)
  redis.call('ZADD', slots, now, next)
end
return {wasStarted, demand, unpack(woken)}`);

/**
 * How lanes stand. KEYS the four of each. Answers for each its hash as a flat list, how many are in flight, in slots and
 * parked, and the time of the last slot or ''.
 */
export const laneStatesScript = luaScript(`
local answer = {}
for i = 1, #KEYS, 4 do
  local lane, inflight, slots, parked = KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3]
  local standing = {redis.call('HGETALL', lane), 0, 0, 0, ''}
  -- Nothing is under way in most of some thousand lanes, which one question tells.
  if redis.call('EXISTS', inflight, slots, parked) > 0 then
    local last = redis.call('ZRANGE', slots, -1, -1, 'WITHSCORES')
    standing = {standing[1], redis.call('ZCARD', inflight), redis.call('ZCARD', slots), redis.call('ZCARD', parked),
      last[2] or ''}
  end
  answer[#answer + 1] = standing
end
return answer`);

/** Takes some of the parked out of the lane's waiting room and answers them. KEYS the lane's four. ARGV how many. */
export const unparkScript = luaScript(`
local parked = KEYS[4]
local woken = redis.call('ZRANGE', parked, 0, ARGV[1] - 1)
for _, next in ipairs(woken) do redis.call('ZREM', parked, next) end
return woken`);

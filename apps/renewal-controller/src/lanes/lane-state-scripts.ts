import { luaScript } from '../redis/lua-script.ts';

/**
 * How lanes stand. KEYS the four of each. Answers for each its hash as a flat list, how many are in flight, in slots and
 * blocked (for the lane or for their node's share), and the time of the last slot or ''.
 */
export const laneStatesScript = luaScript(`
local answer = {}
for i = 1, #KEYS, 4 do
  local lane, inflight, slots, blocked = KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3]
  local status = {redis.call('HGETALL', lane), 0, 0, 0, ''}
  -- Nothing is under way in most of some thousand lanes, which one question tells.
  local nodeLimited = lane .. ':node-limited'
  if redis.call('EXISTS', inflight, slots, blocked, nodeLimited) > 0 then
    local last = redis.call('ZRANGE', slots, -1, -1, 'WITHSCORES')
    status = {status[1], redis.call('ZCARD', inflight), redis.call('ZCARD', slots),
      redis.call('ZCARD', blocked) + redis.call('HLEN', nodeLimited), last[2] or ''}
  end
  answer[#answer + 1] = status
end
return answer`);

/**
 * In how many ms a waiting renewal is to come as things are now, or '' when its wait is as it was told: whoever called it
 * in the meantime found no job that waits. KEYS slots, blocked, nodeLimited, waits. ARGV member, node/volume.
 */
export const promotionScript = luaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local slot = redis.call('ZSCORE', KEYS[1], ARGV[1])
if slot then return tostring(math.max(0, tonumber(slot) - now)) end
if redis.call('ZSCORE', KEYS[2], ARGV[1]) or redis.call('HEXISTS', KEYS[3], ARGV[1]) == 1 then return '' end
local wait = redis.call('HGET', KEYS[4], ARGV[2])
if wait and string.find(wait, 'node-silent', 1, true) then return '' end
return '0'`);

/**
 * Whether a renewal that was just handed over is to be taken back: its lane was paused, or the requests that it was started
 * for were cancelled. KEYS lane, requestedBy, cancelled. ARGV its name in requestedBy, 1 when it is due in any case.
 */
export const isWithdrawnScript = luaScript(`
if redis.call('HEXISTS', KEYS[1], 'paused') == 1 then return 1 end
if ARGV[2] == '1' then return 0 end
for id in string.gmatch(redis.call('HGET', KEYS[2], ARGV[1]) or '', '[^,!]+') do
  if not redis.call('ZSCORE', KEYS[3], id) then return 0 end
end
return 1`);

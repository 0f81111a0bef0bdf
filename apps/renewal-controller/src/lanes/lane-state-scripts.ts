import { defineScript, luaScript, serverTime } from '../redis/lua-script.ts';

/**
 * Reads the states of lanes.
 *
 * KEYS: per lane: <lane>, <lane>:inflight, <lane>:slots, <lane>:blocked.
 * Returns per lane: {its hash as a flat list, number in flight, number in slots, number blocked (including
 * node-limited), time of the last slot or ''}.
 */
export const laneStatesScript = luaScript(`
local answer = {}
for i = 1, #KEYS, 4 do
  local lane, inflight, slots, blocked = KEYS[i], KEYS[i + 1], KEYS[i + 2], KEYS[i + 3]
  local status = {redis.call('HGETALL', lane), 0, 0, 0, ''}
  -- Most of some thousand lanes are empty; one EXISTS detects them.
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
 * Reads whether a waiting renewal was promoted before its wait was stored: the promotion found no delayed job then.
 * `member` is the job id, `volume` node/volume. Returns the new wait in ms, or '' if the original wait is still valid.
 */
export const promotionScript = defineScript({
  keys: ['slots', 'blocked', 'nodeLimited', 'waits'],
  args: { member: 'string', volume: 'string' },
  prelude: [serverTime],
  body: `
local now = nowMs()
local slot = redis.call('ZSCORE', slots, member)
if slot then return tostring(math.max(0, tonumber(slot) - now)) end
if redis.call('ZSCORE', blocked, member) or redis.call('HEXISTS', nodeLimited, member) == 1 then return '' end
local wait = redis.call('HGET', waits, volume)
if wait and string.find(wait, 'node-silent', 1, true) then return '' end
return '0'`,
});

/**
 * Reads whether a dispatched renewal must be recalled, because its lane was paused or the requests for it were
 * cancelled. `renewal` is its id in requestedBy; `isDue` is 1 if it is due in any case, else 0. Returns 1 if it must be
 * recalled, else 0.
 */
export const isWithdrawnScript = defineScript({
  keys: ['lane', 'requestedBy', 'cancelled'],
  args: { renewal: 'string', isDue: 'number' },
  body: `
if redis.call('HEXISTS', lane, 'paused') == 1 then return 1 end
if isDue == 1 then return 0 end
for id in string.gmatch(redis.call('HGET', requestedBy, renewal) or '', '[^,!]+') do
  if not redis.call('ZSCORE', cancelled, id) then return 0 end
end
return 1`,
});

/**
 * Lists at most about `limit` renewals that waited for nodes with a heartbeat within `silentAfter` ms. An entry is
 * removed when its renewal is processed again; until then it is listed again after two seconds, because a promotion
 * finds no delayed job while the wait is being stored. Returns job ids.
 */
export const returnedNodesScript = defineScript({
  keys: ['silentNodes', 'seen'],
  args: { now: 'number?', silentAfter: 'number', limit: 'number' },
  prelude: [serverTime],
  body: `
now = now or nowMs()
local members = {}
for _, node in ipairs(redis.call('SMEMBERS', silentNodes)) do
  if #members >= limit then break end
  local key = silentNodes .. ':' .. node
  if redis.call('EXISTS', key) == 0 then
    redis.call('SREM', silentNodes, node)
  elseif tonumber(redis.call('ZSCORE', seen, node) or 0) >= now - silentAfter then
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', now, 'LIMIT', 0, limit)) do
      redis.call('ZADD', key, now + 2000, member)
      members[#members + 1] = member
    end
  end
end
return members`,
});

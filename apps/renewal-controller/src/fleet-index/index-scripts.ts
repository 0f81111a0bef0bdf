import { luaScript } from '../redis/lua-script.ts';

/** Changed volumes as the scripts answer them: alternating volume id and the JSON before (`''` when new). */
export type ChangedPairs = readonly string[];

// One stream entry a call, not one a volume; it names the entry before it, so that a follower that finds a gap (the
// stream was trimmed past it, or Redis was lost) knows that it must load the whole.
const announce = `
local function announce(stream, cap, node, ids)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  local before = last[1] and last[1][1] or ''
  redis.call('XADD', stream, 'MAXLEN', '~', cap, '*', 'p', before, 'n', node, 'v', cjson.encode(ids))
end
local function fenced(sessions, node, session)
  return redis.call('HGET', sessions, node) ~= session
end`;

/**
 * Writes and removes volumes of one node, and answers those that differed, or -1 to a session that is not the node's.
 * KEYS sessions, volumes of the node, changes, history of the node. ARGV node, session, stream cap, number of upserts, (id, JSON)…, removed id…
 */
export const applyScript = luaScript(`${announce}
if fenced(KEYS[1], ARGV[1], ARGV[2]) then return -1 end
local answer, ids = {}, {}
local upserts = tonumber(ARGV[4])
for i = 5, 4 + upserts * 2, 2 do
  local before = redis.call('HGET', KEYS[2], ARGV[i]) or ''
  if before ~= ARGV[i + 1] then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    ids[#ids + 1] = ARGV[i]
    answer[#answer + 1] = ARGV[i]
    answer[#answer + 1] = before
  end
end
for i = 5 + upserts * 2, #ARGV do
  local before = redis.call('HGET', KEYS[2], ARGV[i])
  if before then
    redis.call('HDEL', KEYS[2], ARGV[i])
    redis.call('HDEL', KEYS[4], ARGV[i])
    ids[#ids + 1] = ARGV[i]
    answer[#answer + 1] = ARGV[i]
    answer[#answer + 1] = before
  end
end
if #ids > 0 then announce(KEYS[3], ARGV[3], ARGV[1], ids) end
return answer`);

/**
 * Removes every volume of a node that a snapshot did not name, and answers them; -1 to a session that is not the node's.
 * KEYS as above. ARGV node, session, stream cap, kept id…
 */
export const retainScript = luaScript(`${announce}
if fenced(KEYS[1], ARGV[1], ARGV[2]) then return -1 end
local kept, answer, ids = {}, {}, {}
for i = 4, #ARGV do kept[ARGV[i]] = true end
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not kept[id] then
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', KEYS[2], id)
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[4], id)
    ids[#ids + 1] = id
  end
end
if #ids > 0 then announce(KEYS[3], ARGV[3], ARGV[1], ids) end
return answer`);

/**
 * Answers 1, or 0 when the node's session is another than the expected one (`''` for none, absent for any).
 * KEYS sessions, nodes, seen, changes. ARGV node, session, now in ms, node's JSON, stream cap, expected session.
 */
export const openSessionScript = luaScript(`${announce}
if ARGV[6] then
  local current = redis.call('HGET', KEYS[1], ARGV[1]) or ''
  -- Its own id: the answer to an earlier call was lost.
  if current ~= ARGV[6] and current ~= ARGV[2] then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
announce(KEYS[4], ARGV[5], ARGV[1], {''})
return 1`);

/** Answers `current`, `superseded` or `lost`. KEYS sessions, seen. ARGV node, session, now in ms. */
export const heartbeatScript = luaScript(`
local session = redis.call('HGET', KEYS[1], ARGV[1])
if not session then return 'lost' end
if session ~= ARGV[2] then return 'superseded' end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
return 'current'`);

/** Removes a node with all its volumes, and answers them. KEYS as above, then nodes, seen. ARGV node, cap. */
export const forgetScript = luaScript(`${announce}
local answer = redis.call('HGETALL', KEYS[2])
redis.call('DEL', KEYS[2], KEYS[4])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
if redis.call('HDEL', KEYS[5], ARGV[1]) + #answer > 0 then announce(KEYS[3], ARGV[2], ARGV[1], {'*'}) end
return answer`);

/** Tells followers of something that is no volume's and no node's. KEYS changes. ARGV stream cap, kind…. */
export const announceScript = luaScript(`${announce}
local kinds = {}
for i = 2, #ARGV do kinds[#kinds + 1] = ARGV[i] end
announce(KEYS[1], ARGV[1], '', kinds)
return 1`);

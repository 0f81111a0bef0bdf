import { luaScript } from '../redis/lua-script.ts';
import { outboxCommon } from './change-outbox-scripts.ts';

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

// The bytes of a node's records are counted as they are written: adding them up at each report would cost more than the
// report. A node of a version that did not count is added up once. Entries of the stream are kept short: it is trimmed by
// their number alone.
const bounded = `
local function sizeOf(sizes, volumes, node)
  local size = redis.call('HGET', sizes, node)
  if size then return tonumber(size) end
  local sum = 0
  for _, value in ipairs(redis.call('HVALS', volumes)) do sum = sum + #value end
  return sum
end
local function announceAll(stream, cap, node, ids)
  local some, length = {}, 0
  for _, id in ipairs(ids) do
    some[#some + 1] = id
    length = length + #id
    if length > 2000 then
      announce(stream, cap, node, some)
      some, length = {}, 0
    end
  end
  if #some > 0 then announce(stream, cap, node, some) end
end`;

/**
 * Writes and removes volumes of one node, within its limits, and answers how many were refused and those that differed;
 * -1 to a session that is not the node's; -2 with the batch that is to be settled first (change-outbox-scripts.ts).
 * KEYS sessions, volumes of the node, changes, history of the node, sizes, outbox of the node, snapshots. ARGV node, session,
 * stream cap, id of the batch, number of upserts, most volumes, most bytes, (id, JSON)…, removed id…
 */
export const applyScript = luaScript(`${announce}${bounded}${outboxCommon}
if fenced(KEYS[1], ARGV[1], ARGV[2]) then return -1 end
local unsettled = unsettledBatch(KEYS[6], KEYS[2])
if unsettled then return unsettled end
local answer, ids, refused = {}, {}, 0
local upserts, maxVolumes, maxBytes = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local size, count = sizeOf(KEYS[5], KEYS[2], ARGV[1]), redis.call('HLEN', KEYS[2])
for i = 8, 7 + upserts * 2, 2 do
  local before = redis.call('HGET', KEYS[2], ARGV[i]) or ''
  if before ~= ARGV[i + 1] then
    local growth = #ARGV[i + 1] - #before
    if (before == '' and count >= maxVolumes) or (growth > 0 and size + growth > maxBytes) then
      refused = refused + 1
    else
      redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
      size = size + growth
      if before == '' then count = count + 1 end
      ids[#ids + 1] = ARGV[i]
      answer[#answer + 1] = ARGV[i]
      answer[#answer + 1] = before
    end
  end
end
for i = 8 + upserts * 2, #ARGV do
  local before = redis.call('HGET', KEYS[2], ARGV[i])
  if before then
    redis.call('HDEL', KEYS[2], ARGV[i])
    redis.call('HDEL', KEYS[4], ARGV[i])
    size = size - #before
    ids[#ids + 1] = ARGV[i]
    answer[#answer + 1] = ARGV[i]
    answer[#answer + 1] = before
  end
end
redis.call('HSET', KEYS[5], ARGV[1], size)
addBatch(KEYS[6], ARGV[4], answer)
announceAll(KEYS[3], ARGV[3], ARGV[1], ids)
return {refused, answer}`);

/**
 * Removes every volume of a node that a snapshot did not name, and notes that the snapshot is complete. KEYS and answers as
 * above, with none refused. ARGV node, session, stream cap, id of the batch, kept id…
 */
export const retainScript = luaScript(`${announce}${bounded}${outboxCommon}
if fenced(KEYS[1], ARGV[1], ARGV[2]) then return -1 end
local unsettled = unsettledBatch(KEYS[6], KEYS[2])
if unsettled then return unsettled end
local kept, answer, ids, size = {}, {}, {}, 0
for i = 5, #ARGV do kept[ARGV[i]] = true end
for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
  if not kept[id] then
    local before = redis.call('HGET', KEYS[2], id)
    answer[#answer + 1] = id
    answer[#answer + 1] = before
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[4], id)
    ids[#ids + 1] = id
  else
    size = size + redis.call('HSTRLEN', KEYS[2], id)
  end
end
redis.call('HSET', KEYS[5], ARGV[1], size)
addBatch(KEYS[6], ARGV[4], answer)
redis.call('HSET', KEYS[7], ARGV[1], ARGV[2])
announceAll(KEYS[3], ARGV[3], ARGV[1], ids)
return {0, answer}`);

// When a node was heard of is Redis' time: replicas' clocks differ, and one of them may jump.
const nowMs = `
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end`;

/**
 * Answers 1, or 0 when the node's session is another than the expected one (`''` for none, absent for any).
 * KEYS sessions, nodes, seen, changes, leaving. ARGV node, session, node's JSON, stream cap, expected session.
 */
export const openSessionScript = luaScript(`${announce}${nowMs}
if ARGV[5] then
  local current = redis.call('HGET', KEYS[1], ARGV[1]) or ''
  -- Its own id: the answer to an earlier call was lost.
  if current ~= ARGV[5] and current ~= ARGV[2] then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], nowMs(), ARGV[1])
redis.call('SREM', KEYS[5], ARGV[1])
announce(KEYS[4], ARGV[4], ARGV[1], {''})
return 1`);

/** Answers `current`, `superseded` or `lost`. KEYS sessions, seen. ARGV node, session. */
export const heartbeatScript = luaScript(`${nowMs}
local session = redis.call('HGET', KEYS[1], ARGV[1])
if not session then return 'lost' end
if session ~= ARGV[2] then return 'superseded' end
redis.call('ZADD', KEYS[2], nowMs(), ARGV[1])
return 'current'`);

/**
 * Nodes that were not heard of for some time, longest first: node, milliseconds of silence, and a mark that the next sign
 * of life changes. KEYS sessions, seen. ARGV least silence in ms, most nodes.
 */
export const silentNodesScript = luaScript(`${nowMs}
local now, answer = nowMs(), {}
local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for i = 1, #silent, 2 do
  answer[#answer + 1] = silent[i]
  answer[#answer + 1] = tostring(now - silent[i + 1])
  answer[#answer + 1] = (redis.call('HGET', KEYS[1], silent[i]) or '') .. ' ' .. silent[i + 1]
end
return answer`);

/**
 * Removes a node with all its volumes, and answers them as above. With a mark, it is removed only if there was no sign of
 * life since that mark was read and it is still silent; else the answer is -1. The node stays among the leaving until
 * everything else of it is gone too. KEYS as above, then nodes, seen, leaving. ARGV node, cap, mark or '', least silence
 * in ms, id of the batch.
 */
export const forgetScript = luaScript(`${announce}${nowMs}${outboxCommon}
if ARGV[3] ~= '' then
  local seen = redis.call('ZSCORE', KEYS[9], ARGV[1]) or ''
  local mark = (redis.call('HGET', KEYS[1], ARGV[1]) or '') .. ' ' .. seen
  if mark ~= ARGV[3] or nowMs() - tonumber(seen) < tonumber(ARGV[4]) then return -1 end
end
local unsettled = unsettledBatch(KEYS[6], KEYS[2])
if unsettled then return unsettled end
local answer = redis.call('HGETALL', KEYS[2])
addBatch(KEYS[6], ARGV[5], answer)
redis.call('DEL', KEYS[2], KEYS[4])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[5], ARGV[1])
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('ZREM', KEYS[9], ARGV[1])
redis.call('SADD', KEYS[10], ARGV[1])
if redis.call('HDEL', KEYS[8], ARGV[1]) + #answer > 0 then announce(KEYS[3], ARGV[2], ARGV[1], {'*'}) end
return {0, answer}`);

/** Tells followers of something that is no volume's and no node's. KEYS changes. ARGV stream cap, kind…. */
export const announceScript = luaScript(`${announce}
local kinds = {}
for i = 2, #ARGV do kinds[#kinds + 1] = ARGV[i] end
announce(KEYS[1], ARGV[1], '', kinds)
return 1`);

import { luaScript } from '../../redis/lua-script.ts';
import { outboxCommon } from './change-outbox-scripts.ts';

/** Changed volumes as the scripts return them: alternating volume id and the JSON before the change (`''` if new). */
export type ChangedPairs = readonly string[];

// Lua functions:
//   announce(stream, cap, node, ids)  adds one entry per call, not per volume, to the stream of changes. The entry
//                                     names its predecessor, so that a follower notices a gap (the stream was trimmed,
//                                     or Redis was lost) and loads the whole index.
//   fenced(sessions, node, session)   whether the session is not the node's current one.
const announce = `
local function announce(stream, cap, node, ids)
  local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)
  local before = last[1] and last[1][1] or ''
  redis.call('XADD', stream, 'MAXLEN', '~', cap, '*', 'p', before, 'n', node, 'v', cjson.encode(ids))
end
local function fenced(sessions, node, session)
  return redis.call('HGET', sessions, node) ~= session
end`;

// Lua functions:
//   sizeOf(sizes, volumes, node)         the bytes of a node's records. Writers keep the count in a hash, because
//                                        adding up all records for each report would cost more than the report; a
//                                        missing count is added up once.
//   announceAll(stream, cap, node, ids)  announces ids in short entries, because the stream is trimmed by the number of
//                                        entries only.
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
 * Writes and removes volumes of one node, within its limits.
 *
 * KEYS: sessions, volumes of the node, changes, history of the node, sizes, outbox of the node, snapshots.
 * ARGV: node, session, stream cap, id of the batch, number of upserts, maximum number of volumes, maximum bytes; then
 * per upsert: volume id, JSON; then the ids of the removed volumes.
 * Returns {number of refused upserts, changed pairs}; -1 if the session is not the node's current one; unsettledBatch
 * (change-outbox-scripts.ts) if a batch must be settled first.
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
 * Removes every volume of a node that a snapshot did not contain, and records that the snapshot is complete.
 *
 * KEYS: as applyScript.
 * ARGV: node, session, stream cap, id of the batch; then the ids of the volumes to keep.
 * Returns as applyScript, with 0 refused.
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

// Lua function nowMs(): Redis' time in milliseconds. Clocks of replicas differ and may jump.
const nowMs = `
local function nowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end`;

/**
 * Opens a session of a node.
 *
 * KEYS: sessions, nodes, seen, changes, leaving.
 * ARGV: node, session, the node's JSON, stream cap, expected current session (`''` for none; absent: any).
 * Returns 1, or 0 if the current session is not the expected one.
 */
export const openSessionScript = luaScript(`${announce}${nowMs}
if ARGV[5] then
  local current = redis.call('HGET', KEYS[1], ARGV[1]) or ''
  -- Its own id is accepted: the response to an earlier call was lost.
  if current ~= ARGV[5] and current ~= ARGV[2] then return 0 end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('ZADD', KEYS[3], nowMs(), ARGV[1])
redis.call('SREM', KEYS[5], ARGV[1])
announce(KEYS[4], ARGV[4], ARGV[1], {''})
return 1`);

/**
 * Records a heartbeat.
 *
 * KEYS: sessions, seen.
 * ARGV: node, session.
 * Returns `current`, `superseded` or `lost`.
 */
export const heartbeatScript = luaScript(`${nowMs}
local session = redis.call('HGET', KEYS[1], ARGV[1])
if not session then return 'lost' end
if session ~= ARGV[2] then return 'superseded' end
redis.call('ZADD', KEYS[2], nowMs(), ARGV[1])
return 'current'`);

/**
 * Lists nodes without a recent heartbeat, the longest silence first.
 *
 * KEYS: sessions, seen.
 * ARGV: minimum silence in ms, maximum number of nodes.
 * Returns per node: node, silence in ms, a mark that the next heartbeat changes.
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
 * Removes a node with all its volumes. The node stays in `leaving` until its queue and user are removed too.
 *
 * KEYS: as applyScript, then nodes, seen, leaving.
 * ARGV: node, stream cap, mark of silentNodesScript or '' (unconditional), minimum silence in ms, id of the batch.
 * Returns {0, changed pairs}; -1 if there was a heartbeat since the mark was read or the node is no longer silent;
 * unsettledBatch if a batch must be settled first.
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

/**
 * Announces a change that concerns neither a volume nor a node.
 *
 * KEYS: changes.
 * ARGV: stream cap; then the kinds of change.
 * Returns 1.
 */
export const announceScript = luaScript(`${announce}
local kinds = {}
for i = 2, #ARGV do kinds[#kinds + 1] = ARGV[i] end
announce(KEYS[1], ARGV[1], '', kinds)
return 1`);

import { defineScript, serverTime } from '../../redis/lua-script.ts';
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

/** The keys of the scripts that change the volumes of one node. */
const volumeKeys = ['sessions', 'volumes', 'changes', 'history', 'sizes', 'outbox', 'snapshots'] as const;

/**
 * Writes and removes volumes of one node, within its limits. `cap` is the maximum length of the stream of changes,
 * `batch` the id of the batch. The unnamed arguments are id and JSON of each of the `upserts`, then the ids of the
 * removed volumes.
 *
 * Returns {number of refused upserts, changed pairs}; -1 if the session is not the node's current one; unsettledBatch
 * (change-outbox-scripts.ts) if a batch must be settled first.
 */
export const applyScript = defineScript({
  keys: volumeKeys,
  args: {
    node: 'string',
    session: 'string',
    cap: 'number',
    batch: 'string',
    upserts: 'number',
    maxVolumes: 'number',
    maxBytes: 'number',
  },
  hasRest: true,
  prelude: [announce, bounded, outboxCommon],
  body: `
if fenced(sessions, node, session) then return -1 end
local unsettled = unsettledBatch(outbox, volumes)
if unsettled then return unsettled end
local answer, ids, refused = {}, {}, 0
local size, count = sizeOf(sizes, volumes, node), redis.call('HLEN', volumes)
local removedAt = restAt + upserts * 2
for i = restAt, removedAt - 1, 2 do
  local id, after = ARGV[i], ARGV[i + 1]
  local before = redis.call('HGET', volumes, id) or ''
  if before ~= after then
    local growth = #after - #before
    if (before == '' and count >= maxVolumes) or (growth > 0 and size + growth > maxBytes) then
      refused = refused + 1
    else
      redis.call('HSET', volumes, id, after)
      size = size + growth
      if before == '' then count = count + 1 end
      ids[#ids + 1] = id
      answer[#answer + 1] = id
      answer[#answer + 1] = before
    end
  end
end
for i = removedAt, #ARGV do
  local id = ARGV[i]
  local before = redis.call('HGET', volumes, id)
  if before then
    redis.call('HDEL', volumes, id)
    redis.call('HDEL', history, id)
    size = size - #before
    ids[#ids + 1] = id
    answer[#answer + 1] = id
    answer[#answer + 1] = before
  end
end
redis.call('HSET', sizes, node, size)
addBatch(outbox, batch, answer)
announceAll(changes, cap, node, ids)
return {refused, answer}`,
});

/**
 * Removes every volume of a node that a snapshot did not contain, and records that the snapshot is complete. The unnamed
 * arguments are the ids of the volumes to keep. Returns as applyScript, with 0 refused.
 */
export const retainScript = defineScript({
  keys: volumeKeys,
  args: { node: 'string', session: 'string', cap: 'number', batch: 'string' },
  hasRest: true,
  prelude: [announce, bounded, outboxCommon],
  body: `
if fenced(sessions, node, session) then return -1 end
local unsettled = unsettledBatch(outbox, volumes)
if unsettled then return unsettled end
local kept, answer, ids, size = {}, {}, {}, 0
for i = restAt, #ARGV do kept[ARGV[i]] = true end
for _, id in ipairs(redis.call('HKEYS', volumes)) do
  if not kept[id] then
    local before = redis.call('HGET', volumes, id)
    answer[#answer + 1] = id
    answer[#answer + 1] = before
    redis.call('HDEL', volumes, id)
    redis.call('HDEL', history, id)
    ids[#ids + 1] = id
  else
    size = size + redis.call('HSTRLEN', volumes, id)
  end
end
redis.call('HSET', sizes, node, size)
addBatch(outbox, batch, answer)
redis.call('HSET', snapshots, node, session)
announceAll(changes, cap, node, ids)
return {0, answer}`,
});

/**
 * Opens a session of a node; `info` is the node's JSON. If `isExpected` is 1, only if the current session is `expected`
 * (`''` for none). Returns 1, or 0 if the current session is not the expected one.
 */
export const openSessionScript = defineScript({
  keys: ['sessions', 'nodes', 'seen', 'changes', 'leaving'],
  args: { node: 'string', session: 'string', info: 'string', cap: 'number', isExpected: 'number', expected: 'string' },
  prelude: [announce, serverTime],
  body: `
if isExpected == 1 then
  local current = redis.call('HGET', sessions, node) or ''
  -- Its own id is accepted: the response to an earlier call was lost.
  if current ~= expected and current ~= session then return 0 end
end
redis.call('HSET', sessions, node, session)
redis.call('HSET', nodes, node, info)
redis.call('ZADD', seen, nowMs(), node)
redis.call('SREM', leaving, node)
announce(changes, cap, node, {''})
return 1`,
});

/** Records a heartbeat. Returns `current`, `superseded` or `lost`. */
export const heartbeatScript = defineScript({
  keys: ['sessions', 'seen'],
  args: { node: 'string', session: 'string' },
  prelude: [serverTime],
  body: `
local current = redis.call('HGET', sessions, node)
if not current then return 'lost' end
if current ~= session then return 'superseded' end
redis.call('ZADD', seen, nowMs(), node)
return 'current'`,
});

/**
 * Lists at most `maxNodes` nodes without a heartbeat for `silentMs`, the longest silence first. Returns per node: node,
 * silence in ms, a mark that the next heartbeat changes.
 */
export const silentNodesScript = defineScript({
  keys: ['sessions', 'seen'],
  args: { silentMs: 'number', maxNodes: 'number' },
  prelude: [serverTime],
  body: `
local now, answer = nowMs(), {}
local silent = redis.call('ZRANGEBYSCORE', seen, '-inf', now - silentMs, 'WITHSCORES', 'LIMIT', 0, maxNodes)
for i = 1, #silent, 2 do
  answer[#answer + 1] = silent[i]
  answer[#answer + 1] = tostring(now - silent[i + 1])
  answer[#answer + 1] = (redis.call('HGET', sessions, silent[i]) or '') .. ' ' .. silent[i + 1]
end
return answer`,
});

/**
 * Removes a node with all its volumes, if it has the mark of silentNodesScript and has been silent for `minSilentMs`, or
 * in any case if `mark` is `''`. The node stays in `leaving` until its queue and user are removed too.
 *
 * Returns {0, changed pairs}; -1 if there was a heartbeat since the mark was read or the node is no longer silent;
 * unsettledBatch if a batch must be settled first.
 */
export const forgetScript = defineScript({
  keys: [...volumeKeys, 'nodes', 'seen', 'leaving'],
  args: { node: 'string', cap: 'number', mark: 'string', minSilentMs: 'number', batch: 'string' },
  prelude: [announce, serverTime, outboxCommon],
  body: `
if mark ~= '' then
  local seenAt = redis.call('ZSCORE', seen, node) or ''
  local current = (redis.call('HGET', sessions, node) or '') .. ' ' .. seenAt
  if current ~= mark or nowMs() - tonumber(seenAt) < minSilentMs then return -1 end
end
local unsettled = unsettledBatch(outbox, volumes)
if unsettled then return unsettled end
local answer = redis.call('HGETALL', volumes)
addBatch(outbox, batch, answer)
redis.call('DEL', volumes, history)
redis.call('HDEL', sessions, node)
redis.call('HDEL', sizes, node)
redis.call('HDEL', snapshots, node)
redis.call('ZREM', seen, node)
redis.call('SADD', leaving, node)
if redis.call('HDEL', nodes, node) + #answer > 0 then announce(changes, cap, node, {'*'}) end
return {0, answer}`,
});

/**
 * Announces a change that concerns neither a volume nor a node. The unnamed arguments are the kinds of change. Returns 1.
 */
export const announceScript = defineScript({
  keys: ['changes'],
  args: { cap: 'number' },
  hasRest: true,
  prelude: [announce],
  body: `
local kinds = {}
for i = restAt, #ARGV do kinds[#kinds + 1] = ARGV[i] end
announce(changes, cap, '', kinds)
return 1`,
});

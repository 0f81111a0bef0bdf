import { luaScript } from '../redis/lua-script.ts';

/**
 * The outbox of a node holds at most one batch: what one script call changed of the node's volumes, until every
 * consequence of it is in Redis. A hash:
 *   batch          the id of the batch
 *   v:<volume id>  the record before the change; '' for a new volume
 *   c:<volume id>  set once the lane has counted the outcome: 1 if the renewal was started, else 0
 *   f:<mark>:<volume id>  set once the renewal request of that mark has counted the failure
 * A script that changes volumes answers the batch that is there instead, and changes nothing. So the outbox is no larger
 * than the records of one node, changes are settled in their order, and the record of a volume in the batch is the one
 * that the batch wrote.
 */
export const outboxCommon = `
local function unsettledBatch(outbox, volumes)
  local batch = redis.call('HGET', outbox, 'batch')
  if not batch then return false end
  local changes, fields = {}, redis.call('HGETALL', outbox)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'v:' then
      local id = string.sub(fields[i], 3)
      changes[#changes + 1] = id
      changes[#changes + 1] = fields[i + 1]
      changes[#changes + 1] = redis.call('HGET', volumes, id) or ''
    end
  end
  return {-2, changes, batch}
end
local function addBatch(outbox, batch, changes)
  if #changes == 0 then return end
  redis.call('HSET', outbox, 'batch', batch)
  for i = 1, #changes, 2 do redis.call('HSET', outbox, 'v:' .. changes[i], changes[i + 1]) end
end`;

/** Answers the batch that is to be settled, or 0. KEYS outbox and volumes of a node. */
export const unsettledScript = luaScript(`${outboxCommon}
return unsettledBatch(KEYS[1], KEYS[2]) or 0`);

/** Removes a batch that is settled; another one stays. KEYS outbox. ARGV id of the batch. */
export const removeBatchScript = luaScript(`
if redis.call('HGET', KEYS[1], 'batch') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`);

import { defineScript } from '../../redis/lua-script.ts';

/**
 * The outbox of a node contains at most one batch: the changes of one script call to the node's volumes, until all
 * their consequences are in Redis. It is a hash:
 *   batch                 the id of the batch
 *   v:<volume id>         the record before the change; '' for a new volume
 *   c:<volume id>         set once the lane has counted the outcome: 1 if the renewal was started, else 0
 *   f:<mark>:<volume id>  set once the renewal request of that mark has counted the failure
 * If a batch exists, a script that changes volumes returns it and changes nothing. The outbox is therefore no larger
 * than the records of one node, changes are settled in order, and the stored record of a volume in the batch is the one
 * that the batch wrote.
 *
 * Lua functions:
 *   unsettledBatch(outbox, volumes)   {-2, {id, record before, record now, …}, batch id}, or false if there is none
 *   addBatch(outbox, batch, changes)  stores changes {id, record before, …} as the batch
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

/** Reads the unsettled batch of a node. Returns it as unsettledBatch does, or 0 if there is none. */
export const unsettledScript = defineScript({
  keys: ['outbox', 'volumes'],
  prelude: [outboxCommon],
  body: `
return unsettledBatch(outbox, volumes) or 0`,
});

/** Removes a settled batch, but not a newer one. Returns 1 if it was removed, else 0. */
export const removeBatchScript = defineScript({
  keys: ['outbox'],
  args: { batch: 'string' },
  body: `
if redis.call('HGET', outbox, 'batch') ~= batch then return 0 end
return redis.call('DEL', outbox)`,
});

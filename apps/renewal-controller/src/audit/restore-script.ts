import { defineScript } from '../redis/lua-script.ts';

/**
 * Adds entries to an audit stream that are not there. Unnamed arguments: for each entry its time in milliseconds, the text
 * by which it is recognised, and the entry as JSON; in order of time. An entry that is older than the last one in the
 * stream follows it, with its own time. Returns the number of added entries.
 */
export const restoreScript = defineScript({
  keys: ['stream'],
  args: { limit: 'number' },
  hasRest: true,
  body: `
local kept = {}
for _, item in ipairs(redis.call('XRANGE', stream, '-', '+')) do kept[#kept + 1] = item[2][2] end
local added = 0
for i = restAt, #ARGV, 3 do
  local isKnown = false
  for _, json in ipairs(kept) do
    if string.find(json, ARGV[i + 1], 1, true) then isKnown = true break end
  end
  if not isKnown then
    local json = ARGV[i + 2]
    local result = redis.pcall('XADD', stream, 'MAXLEN', '~', limit, ARGV[i] .. '-*', 'e', json)
    if type(result) == 'table' and result.err then
      redis.call('XADD', stream, 'MAXLEN', '~', limit, '*', 'e', json)
    end
    kept[#kept + 1] = json
    added = added + 1
  end
end
return added`,
});

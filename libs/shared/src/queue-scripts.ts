import { hash } from 'node:crypto';

/** A script that a node's worker calls by its hash, because a node may not load its own scripts. */
export interface QueueScript {
  readonly source: string;
  /** SHA-1 in lower-case hexadecimal, which identifies the script in Redis. */
  readonly sha: string;
}

/**
 * Checks that run before BullMQ's scripts, by script name. A script blocks Redis for all clients, so its work must not
 * depend on data that a hostile node writes: arguments and the queue length are bounded, and options that cause more
 * work are rejected (parents, deduplication, metrics, lists of finished jobs). Agents do not use them.
 */
const guards: Readonly<Record<string, string>> = {
  moveToActive: `${guard(3)}
if not isTime(ARGV[2]) then return refused('the time') end
local given = unpacked(ARGV[3])
if not given or given['limiter'] or not isTime(given['lockDuration']) then return refused('the options') end`,
  moveToFinished: `${guard(9)}
if not isTime(ARGV[2]) then return refused('the time') end
local given = unpacked(ARGV[8])
local kept = given and given['keepJobs']
if type(kept) ~= 'table' or kept['count'] ~= 0 or given['maxMetricsSize'] ~= '' or given['limiter'] then
  return refused('the options')
end
if ARGV[6] == '1' and not isTime(given['lockDuration']) then return refused('the options') end
local fields = redis.call('HMGET', KEYS[12], 'parentKey', 'parent', 'deid')
if fields[1] or fields[2] or fields[3] then return refused('the job') end
if redis.call('LLEN', KEYS[2]) > 1000 then return refused('the length of the queue') end`,
  moveStalledJobsToWait: `${guard(4)}
if not isTime(ARGV[3]) or not isTime(ARGV[4]) then return refused('the time') end
if redis.call('SCARD', KEYS[1]) > 1000 or redis.call('LLEN', KEYS[3]) > 1000 then
  return refused('the length of the queue')
end`,
  extendLocks: `${guard(4)}
if not isTime(ARGV[4]) then return refused('the time') end
local ids = unpacked(ARGV[3])
if not ids or #ids > 1000 or not unpacked(ARGV[2]) then return refused('the jobs') end`,
};

/** Limits in bytes: an argument may contain a failed job's stack trace, or encoded options or lists of jobs. */
function guard(most: number): string {
  return `local function refused(what) return redis.error_reply('ERR certfleet refuses ' .. what .. ' of a queue script') end
local function isTime(value)
  local time = tonumber(value)
  return time and time >= 0 and time < 1e14
end
local function unpacked(text)
  if #text > 65536 then return false end
  local isPacked, value = pcall(cmsgpack.unpack, text)
  return isPacked and type(value) == 'table' and value
end
if #ARGV > ${most} then return refused('the number of arguments') end
for i = 1, #ARGV do if #ARGV[i] > 65536 then return refused('the length of an argument') end end`;
}

export const queueScriptNames: readonly string[] = Object.keys(guards);

/** A BullMQ script with its guard; undefined for a script that a node's worker does not need. */
export function queueScript(name: string, source: string): QueueScript | undefined {
  const before = guards[name];
  if (before === undefined) return undefined;
  // In its own block: a Lua chunk is limited to 200 local names.
  const guarded = `do\n${before}\nend\n${source}`;
  return { source: guarded, sha: hash('sha1', guarded, 'hex') };
}

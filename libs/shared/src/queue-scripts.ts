import { hash } from 'node:crypto';

/** A script as a node's worker calls it: by its hash alone, since a node may bring no script of its own. */
export interface QueueScript {
  readonly source: string;
  /** SHA-1 in lower-case hexadecimal, by which Redis names scripts. */
  readonly sha: string;
}

/**
 * Checks that stand before BullMQ's scripts, by the script's name. A script blocks Redis for everybody, so its work must
 * not depend on what a hostile node writes: arguments are bounded, the queue is short, and the parts that follow a job's
 * data are never reached (parents, deduplication, metrics, lists of what was done), which agents do not use.
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

/** Longest argument, in bytes: a failed job's stack trace; and longest encoded options or lists of jobs. */
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

/** The scripts that a node's worker runs. */
export const queueScriptNames: readonly string[] = Object.keys(guards);

/** A script of BullMQ's with its guard; undefined for one that a node's worker has no use for. */
export function queueScript(name: string, source: string): QueueScript | undefined {
  const before = guards[name];
  if (before === undefined) return undefined;
  // In a block of its own: a chunk of Lua has room for 200 local names.
  const guarded = `do\n${before}\nend\n${source}`;
  return { source: guarded, sha: hash('sha1', guarded, 'hex') };
}

import { batches } from '@certfleet/shared/batches.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { defineScript, serverTime } from '../redis/lua-script.ts';
import type { StoredEntry } from './lasting-audit.ts';
import { isDerived } from './lasting-audit.ts';

/** A stream of entries in Redis. */
export interface EntryStream {
  readonly key: string;
  /** Approximate maximum number of entries. */
  readonly limit: number;
}

const addedAtOnce = 100;

/**
 * Adds entries to a stream, except those that another replica has added meanwhile, after the id `since`. Unnamed
 * arguments: for each entry its uid, its time in milliseconds and its JSON; in order of time. An entry that is older
 * than the last one in the stream follows it, with its own time; so does one of the future, whose id would become the
 * time of all later entries. Returns the number of added entries.
 */
const addScript = defineScript({
  keys: ['stream'],
  args: { limit: 'number', since: 'string' },
  hasRest: true,
  prelude: [serverTime],
  body: `
local known = {}
for _, item in ipairs(redis.call('XRANGE', stream, since, '+')) do
  known[string.match(item[2][2], '"uid":"([^"]*)"') or ''] = true
end
local added = 0
for i = restAt, #ARGV, 3 do
  local json = ARGV[i + 2]
  if not known[ARGV[i]] then
    local isAdded = false
    if tonumber(ARGV[i + 1]) < nowMs() then
      local result = redis.pcall('XADD', stream, 'MAXLEN', '~', limit, ARGV[i + 1] .. '-' .. i, 'e', json)
      isAdded = type(result) ~= 'table' or not result.err
    end
    if not isAdded then redis.call('XADD', stream, 'MAXLEN', '~', limit, '*', 'e', json) end
    known[ARGV[i]] = true
    added = added + 1
  end
end
return added`,
});

/**
 * Adds the entries that are in none of the streams. Reads the streams without a script, because comparisons with all of
 * their entries would block Redis.
 * @returns the number of added entries
 */
export async function restoreEntries(
  redis: RedisClient,
  { actions, refusals }: { readonly actions: EntryStream; readonly refusals: EntryStream },
  found: readonly StoredEntry[],
): Promise<number> {
  const [inActions, inRefusals] = await Promise.all([readStream(redis, actions), readStream(redis, refusals)]);
  const lost = lostEntries(found, [...inActions.entries, ...inRefusals.entries]);
  const isRefusal = ({ outcome }: StoredEntry): boolean => outcome === 'refused';
  const toActions = lost.filter((entry) => !isRefusal(entry));
  const added = await add(redis, { ...actions, since: inActions.since }, toActions);
  return added + (await add(redis, { ...refusals, since: inRefusals.since }, lost.filter(isRefusal)));
}

interface ReadStream {
  readonly entries: readonly StoredEntry[];
  /** Where the entries begin that were added after the read. */
  readonly since: string;
}

async function readStream(redis: RedisClient, { key }: EntryStream): Promise<ReadStream> {
  const items = await redis.xrange(key, '-', '+');
  const last = items.at(-1)?.[0];
  return {
    entries: items.map(([, [, json = '{}']]) => JSON.parse(json) as StoredEntry),
    since: last === undefined ? '-' : `(${last}`,
  };
}

/** Entries whose uid is unknown; of those derived from objects, the ones whose action is unknown. In order of time. */
function lostEntries(found: readonly StoredEntry[], kept: readonly StoredEntry[]): readonly StoredEntry[] {
  const written = found.filter((entry) => !isDerived(entry));
  const uids = new Set(kept.map(({ uid }) => uid));
  const actions = new Set([...kept, ...written].map(actionOf));
  const derived = found.filter((entry) => isDerived(entry) && !actions.has(actionOf(entry)));
  return [...written.filter(({ uid }) => !uids.has(uid)), ...derived].sort(
    (a, b) => Date.parse(a.at) - Date.parse(b.at),
  );
}

/** An action and the object of it: of a renewal, its name. */
function actionOf({ action, target, detail = '' }: StoredEntry): string {
  const renewal = action === 'renew' ? /\brenewal ([a-z0-9.-]+)$/.exec(detail)?.[1] : undefined;
  return `${action} ${renewal ?? target}`;
}

async function add(
  redis: RedisClient,
  { key, limit, since }: EntryStream & Pick<ReadStream, 'since'>,
  entries: readonly StoredEntry[],
): Promise<number> {
  let added = 0;
  for (const some of batches(entries, addedAtOnce)) {
    const rest = some.flatMap((entry) => [entry.uid, Date.parse(entry.at), JSON.stringify(entry)]);
    added += Number(await addScript.run(redis, { keys: { stream: key }, args: { limit, since }, rest }));
  }
  return added;
}

import type { AuditEntry, AuditFilter } from '@certfleet/operator-api/audit.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { StoredEntry } from './lasting-audit.ts';

export type AuditCriterion = (entry: AuditEntry) => boolean;

/** Compiles a filter. The time of an entry is the start of its action. */
export function auditCriterion({ who, action, target, since, until }: AuditFilter): AuditCriterion {
  const [whoPart, targetPart] = [who?.toLowerCase(), target?.toLowerCase()];
  const [sinceMs, untilMs] = [Date.parse(since ?? ''), Date.parse(until ?? '')];
  const has = (text: string | undefined, part: string): boolean => text?.toLowerCase().includes(part) ?? false;
  return (entry) => {
    if (action !== undefined && entry.action !== action) return false;
    if (whoPart !== undefined && !has(entry.who, whoPart)) return false;
    // Comparisons with NaN are false: a limit that is absent excludes nothing.
    const atMs = Date.parse(entry.at);
    if (atMs < sinceMs || atMs >= untilMs) return false;
    return targetPart === undefined || [entry.target, entry.reason, entry.detail].some((text) => has(text, targetPart));
  };
}

export interface EntryRange {
  readonly key: string;
  /** The id from which it is read, towards earlier ones; with `(` before it, exclusive. */
  readonly from: string;
  /** Appended to the ids. */
  readonly mark: string;
  readonly matches: AuditCriterion;
  readonly limit: number;
}

const batchSize = 1_000;

/** The latest entries of a stream that match; reads the stream in batches, to its end at most. */
export async function latestEntries(redis: RedisClient, range: EntryRange): Promise<readonly AuditEntry[]> {
  const { key, mark, matches, limit } = range;
  const found: AuditEntry[] = [];
  for (let from: string | undefined = range.from; from !== undefined && found.length < limit;) {
    const count = Math.min(batchSize, Math.max(limit, 100));
    const batch: [string, string[]][] = await redis.xrevrange(key, from, '-', 'COUNT', count);
    for (const [id, [, json = '{}']] of batch) {
      const entry = entryOf(`${id}${mark}`, json);
      if (matches(entry) && found.length < limit) found.push(entry);
    }
    const last = batch.at(-1)?.[0];
    from = batch.length < count || last === undefined ? undefined : `(${last}`;
  }
  return found;
}

/** The id of an entry begins with its time; entries of outcomes, and restored ones, carry the time of their action. */
function entryOf(id: string, json: string): AuditEntry {
  const entry: AuditEntry & { uid?: string } = { at: timeOf(id), ...(JSON.parse(json) as Omit<StoredEntry, 'at'>), id };
  delete entry.uid;
  return entry;
}

export function timeOf(id: string): string {
  return new Date(Number(id.split('-')[0])).toISOString();
}

import type { LaneStatus } from '../lanes/lane-depth.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';
import { maxNamedIssuers, otherIssuers } from './metric-names.ts';

/** What is shown of one lane, or of all lanes that have no series of their own. */
export interface LaneRow {
  readonly issuer: string;
  readonly queued: number;
  readonly blocked: number;
  readonly inFlight: number;
  /** How long the oldest that waits is past its renew-at; 0 when nothing is due. */
  readonly lagMs: number;
  readonly status: LaneStatus;
}

/**
 * The lanes that an operator must see, each by its issuer, the rest as one with their depths added up. No kind of trouble
 * crowds out another: each has a part of the names, and only what is left of them goes to the next in order. Issuers that
 * may not be named, which one node alone reports beyond its share, are among the rest.
 */
export function laneRows(
  { atMs, index, lanes }: ControllerSnapshot,
  mayName: (issuer: string) => boolean = () => true,
): readonly LaneRow[] {
  if (lanes === undefined) return [];
  const rows = lanes.map(({ key, ...lane }) => {
    const dueMs = index?.urgency.oldestDueMs.get(key);
    return { issuer: key, ...lane, lagMs: dueMs === undefined ? 0 : atMs - dueMs };
  });
  const nameable = rows.filter(({ issuer }) => mayName(issuer));
  if (rows.length <= maxNamedIssuers && nameable.length === rows.length) return rows.sort(byLag);
  const named = namedRows(nameable);
  const rest = rows.filter((row) => !named.has(row));
  return [...named, otherRow(rest)];
}

/** Which rows a kind of trouble has, in order of its size. */
const troubles: readonly ((row: LaneRow) => boolean)[] = [
  // Late, though nothing but its own limits stops it.
  (row) => isStuck(row),
  (row) => row.status === 'paused' && isWaiting(row),
  (row) => row.status === 'backing-off',
  // The deepest of all.
  () => true,
];

function namedRows(rows: readonly LaneRow[]): ReadonlySet<LaneRow> {
  const named = new Set<LaneRow>();
  const quota = Math.floor(maxNamedIssuers / troubles.length);
  for (const hasTrouble of troubles) {
    const [limit, order] = [named.size + quota, hasTrouble === troubles.at(-1) ? byDepth : byLag];
    addTo(named, rows.filter(hasTrouble).sort(order), limit);
  }
  // What one kind leaves goes to the others.
  for (const hasTrouble of troubles) addTo(named, rows.filter(hasTrouble).sort(byLag), maxNamedIssuers);
  return named;
}

function addTo(named: Set<LaneRow>, rows: readonly LaneRow[], limit: number): void {
  for (const row of rows) {
    if (named.size >= limit) return;
    named.add(row);
  }
}

/** If a stuck lane is among the others, their row is shown as one: an alert must not be lost with the name. */
function otherRow(rest: readonly LaneRow[]): LaneRow {
  const sum = (of: (row: LaneRow) => number): number => rest.reduce((total, row) => total + of(row), 0);
  const lag = (rows: readonly LaneRow[]): number => rows.reduce((most, row) => Math.max(most, row.lagMs), 0);
  const stuck = rest.filter(isStuck);
  return {
    issuer: otherIssuers,
    queued: sum((row) => row.queued),
    blocked: sum((row) => row.blocked),
    inFlight: sum((row) => row.inFlight),
    lagMs: lag(stuck.length > 0 ? stuck : rest),
    status: stuck.length > 0 ? 'open' : ([...rest].sort(byLag)[0]?.status ?? 'open'),
  };
}

const depth = ({ queued, blocked, inFlight }: LaneRow): number => queued + blocked + inFlight;
const byLag = (a: LaneRow, b: LaneRow): number => b.lagMs - a.lagMs || byDepth(a, b);
const byDepth = (a: LaneRow, b: LaneRow): number => depth(b) - depth(a) || b.lagMs - a.lagMs;
const isWaiting = (row: LaneRow): boolean => depth(row) > 0 || row.lagMs > 0;

function isStuck(row: LaneRow): boolean {
  return row.lagMs > 0 && row.status !== 'paused' && row.status !== 'window';
}

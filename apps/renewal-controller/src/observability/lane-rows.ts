import type { LaneStatus } from '@certfleet/fleet-model/vocabulary.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';
import { maxNamedIssuers, otherIssuers } from './metric-names.ts';

/** One lane, or all lanes without their own series. */
export interface LaneRow {
  readonly issuer: string;
  readonly queued: number;
  readonly blocked: number;
  readonly inFlight: number;
  /** Time since the renew-at of the oldest waiting volume; 0 if none is due. */
  readonly lagMs: number;
  readonly status: LaneStatus;
}

/**
 * One row per lane that an operator must see, and one row with the sums of all others. Each kind of problem has a share
 * of the rows, so that none displaces another; unused rows go to the next kind. Issuers that may not be named, because
 * a single node reports more than its share, belong to the others.
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

/** Selects the rows of each kind of problem, in this order. */
const troubles: readonly ((row: LaneRow) => boolean)[] = [
  // Late, although neither a pause nor a window stops it.
  (row) => isStuck(row),
  (row) => row.status === 'paused' && isWaiting(row),
  (row) => row.status === 'backing-off',
  // The deepest lanes of all.
  () => true,
];

function namedRows(rows: readonly LaneRow[]): ReadonlySet<LaneRow> {
  const named = new Set<LaneRow>();
  const quota = Math.floor(maxNamedIssuers / troubles.length);
  for (const hasTrouble of troubles) {
    const [limit, order] = [named.size + quota, hasTrouble === troubles.at(-1) ? byDepth : byLag];
    addTo(named, rows.filter(hasTrouble).sort(order), limit);
  }
  // Unused rows of one kind go to the others.
  for (const hasTrouble of troubles) addTo(named, rows.filter(hasTrouble).sort(byLag), maxNamedIssuers);
  return named;
}

function addTo(named: Set<LaneRow>, rows: readonly LaneRow[], limit: number): void {
  for (const row of rows) {
    if (named.size >= limit) return;
    named.add(row);
  }
}

/** If one of the other lanes is stuck, their common row shows it, so that alerts still fire. */
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

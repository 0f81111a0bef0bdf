import type { LaneStanding } from '../lanes/lane-depth.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';
import type { NamedCandidate } from './issuer-names.ts';
import { maxNamedIssuers, otherIssuers } from './metric-names.ts';

/** What is shown of one lane, or of all lanes that have no series of their own. */
export interface LaneRow {
  readonly issuer: string;
  readonly queued: number;
  readonly parked: number;
  readonly inFlight: number;
  /** How long the oldest that waits is past its renew-at; 0 when nothing is due. */
  readonly lagMs: number;
  readonly standing: LaneStanding;
}

/** Chooses those that have series of their own. */
export type ChooseNames = (candidates: readonly NamedCandidate[]) => ReadonlySet<string>;

/** The lanes that have a name, each by its issuer, the most troubled first; the rest as one, with its depths added up. */
export function laneRows({ atMs, index, lanes }: ControllerSnapshot, choose: ChooseNames): readonly LaneRow[] {
  if (lanes === undefined) return [];
  const rows = lanes.map(({ key, ...lane }) => {
    const dueMs = index?.urgency.oldestDueMs.get(key);
    return { issuer: key, ...lane, lagMs: dueMs === undefined ? 0 : atMs - dueMs };
  });
  rows.sort((a, b) => trouble(b) - trouble(a) || b.lagMs - a.lagMs || depth(b) - depth(a));
  const worst = worstRows(rows);
  const weight = (row: LaneRow): number => trouble(row) + (worst.has(row) ? worstWeight : 0);
  const shown = choose(rows.map((row) => ({ key: row.issuer, trouble: weight(row), size: depth(row) })));
  const rest = rows.filter(({ issuer }) => !shown.has(issuer));
  return rest.length === 0 ? rows : [...rows.filter(({ issuer }) => shown.has(issuer)), otherRow(rest)];
}

/** More than any trouble by itself. */
const worstWeight = 4;

/** Which rows a kind of trouble has, in order of its size. */
const troubles: readonly ((row: LaneRow) => boolean)[] = [
  // Late, though nothing but its own limits stops it.
  (row) => isStuck(row),
  (row) => row.standing === 'paused' && isWaiting(row),
  (row) => row.standing === 'resting',
  // The deepest of all.
  () => true,
];

/** The worst of each kind of trouble: none of them crowds out another. */
function worstRows(rows: readonly LaneRow[]): ReadonlySet<LaneRow> {
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
    parked: sum((row) => row.parked),
    inFlight: sum((row) => row.inFlight),
    lagMs: lag(stuck.length > 0 ? stuck : rest),
    standing: stuck.length > 0 ? 'open' : ([...rest].sort(byLag)[0]?.standing ?? 'open'),
  };
}

const depth = ({ queued, parked, inFlight }: LaneRow): number => queued + parked + inFlight;
const isWaiting = (row: LaneRow): boolean => depth(row) > 0 || row.lagMs > 0;
const byLag = (a: LaneRow, b: LaneRow): number => b.lagMs - a.lagMs || byDepth(a, b);
const byDepth = (a: LaneRow, b: LaneRow): number => depth(b) - depth(a) || b.lagMs - a.lagMs;

function isStuck(row: LaneRow): boolean {
  return row.lagMs > 0 && row.standing !== 'paused' && row.standing !== 'window';
}

/** First what an alert may be about: what is late without a pause or window, and what waits in a pause. */
function trouble(row: LaneRow): number {
  const waits = depth(row) > 0;
  if (row.standing === 'window') return waits ? 1 : 0;
  if (row.standing === 'paused') return waits ? 3 : 1;
  if (row.lagMs > 0) return 3;
  return row.standing === 'open' ? 0 : 1 + Number(waits);
}

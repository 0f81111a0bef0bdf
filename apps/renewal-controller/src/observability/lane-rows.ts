import type { LaneStanding } from '../lanes/lane-depth.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';
import type { NamedCandidate } from './issuer-names.ts';
import { otherIssuers } from './metric-names.ts';

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
  const shown = choose(rows.map((row) => ({ key: row.issuer, trouble: trouble(row), size: depth(row) })));
  const rest = rows.filter(({ issuer }) => !shown.has(issuer));
  const [first] = rest;
  if (first === undefined) return rows;
  const sum = (of: (row: LaneRow) => number): number => rest.reduce((total, row) => total + of(row), 0);
  const other = {
    issuer: otherIssuers,
    queued: sum((row) => row.queued),
    parked: sum((row) => row.parked),
    inFlight: sum((row) => row.inFlight),
    lagMs: Math.max(...rest.map(({ lagMs }) => lagMs)),
    // Of the most troubled, which comes first.
    standing: first.standing,
  };
  return [...rows.filter(({ issuer }) => shown.has(issuer)), other];
}

const depth = ({ queued, parked, inFlight }: LaneRow): number => queued + parked + inFlight;

/** First what an alert may be about: what is late without a pause or window, and what waits in a pause. */
function trouble(row: LaneRow): number {
  const waits = depth(row) > 0;
  if (row.standing === 'window') return waits ? 1 : 0;
  if (row.standing === 'paused') return waits ? 3 : 1;
  if (row.lagMs > 0) return 3;
  return row.standing === 'open' ? 0 : 1 + Number(waits);
}

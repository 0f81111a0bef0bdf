import type { LaneStanding } from '../lanes/lane-depth.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';
import { mostNamedIssuers, otherIssuers } from './metric-names.ts';

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

/** The most troubled lanes and then the deepest, each by its issuer; the rest as one, with its depths added up. */
export function laneRows({ atMs, index, lanes }: ControllerSnapshot): readonly LaneRow[] {
  if (lanes === undefined) return [];
  const rows = lanes.map(({ key, ...lane }) => {
    const dueMs = index?.urgency.oldestDueMs.get(key);
    return { issuer: key, ...lane, lagMs: dueMs === undefined ? 0 : atMs - dueMs };
  });
  rows.sort((a, b) => trouble(b) - trouble(a) || b.lagMs - a.lagMs || depth(b) - depth(a));
  const rest = rows.slice(mostNamedIssuers);
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
  return [...rows.slice(0, mostNamedIssuers), other];
}

const depth = ({ queued, parked, inFlight }: LaneRow): number => queued + parked + inFlight;

/** A lane that stands still while renewals wait comes first, then any other that stands still. */
function trouble(row: LaneRow): number {
  if (row.standing === 'open') return 0;
  return depth(row) > 0 ? 2 : 1;
}

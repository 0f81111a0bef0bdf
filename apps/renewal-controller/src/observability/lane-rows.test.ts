import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { laneRows } from './lane-rows.ts';
import type { LaneRow } from './lane-rows.ts';
import type { ControllerSnapshot } from './controller-snapshot.ts';

const atMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;

interface Sketch {
  readonly name: string;
  readonly status?: LaneRow['status'];
  readonly blocked?: number;
  readonly lagMs?: number;
}

function rowsOf(sketches: readonly Sketch[]): readonly LaneRow[] {
  const lanes = sketches.map(({ name, status = 'open', blocked = 0 }) => ({
    key: name,
    queued: 0,
    blocked,
    inFlight: 0,
    status,
  }));
  const lags = sketches.flatMap(({ name, lagMs }): [string, number][] =>
    lagMs === undefined ? [] : [[name, atMs - lagMs]],
  );
  // laneRows reads only these fields of a snapshot.
  return laneRows({ atMs, lanes, index: { urgency: { oldestDueMs: new Map(lags) } } } as unknown as ControllerSnapshot);
}

function many(count: number, sketch: Omit<Sketch, 'name'>): readonly Sketch[] {
  return Array.from({ length: count }, (_, i) => ({ name: `${sketch.status ?? 'open'}-${i}`, ...sketch }));
}

function rowOf(rows: readonly LaneRow[], issuer: string): LaneRow | undefined {
  return rows.find((row) => row.issuer === issuer);
}

describe('laneRows', () => {
  test('names a stuck lane beside many lanes outside their windows', () => {
    const rows = rowsOf([
      ...many(400, { status: 'window', blocked: 9, lagMs: 9 * hourMs }),
      { name: 'stuck', blocked: 400, lagMs: 5 * hourMs },
    ]);
    assert.equal(rows.length, 51);
    assert.equal(rowOf(rows, 'stuck')?.status, 'open');
    assert.equal(rowOf(rows, 'stuck')?.lagMs, 5 * hourMs);
  });

  test('keeps names for each kind of problem', () => {
    const rows = rowsOf([
      ...many(100, { status: 'paused', blocked: 5, lagMs: 2 * hourMs }),
      ...many(100, { status: 'backing-off', blocked: 5, lagMs: 3 * hourMs }),
      ...many(100, { status: 'window', blocked: 5, lagMs: 4 * hourMs }),
      { name: 'stuck', blocked: 1, lagMs: hourMs * 5 },
      { name: 'held', status: 'paused', blocked: 1, lagMs: 3 * hourMs },
      { name: 'broken', status: 'backing-off', blocked: 1, lagMs: 4 * hourMs },
      { name: 'deep', blocked: 5_000 },
    ]);
    for (const issuer of ['stuck', 'held', 'broken', 'deep']) assert.ok(rowOf(rows, issuer), issuer);
    assert.equal(rows.length, 51);
  });

  test('the row of the other lanes reports a stuck lane without its own row', () => {
    const rows = rowsOf([
      ...many(200, { lagMs: 5 * hourMs, blocked: 1 }),
      ...many(60, { status: 'window', lagMs: 9 * hourMs, blocked: 3 }),
    ]);
    const other = rowOf(rows, 'other');
    assert.equal(other?.status, 'open');
    assert.equal(other.lagMs, 5 * hourMs);
    const total = rows.reduce((sum, { blocked }) => sum + blocked, 0);
    assert.equal(total, 200 + 180);
  });

  test('shows all lanes if there are few, the longest lag first', () => {
    const rows = rowsOf([{ name: 'calm' }, { name: 'late', lagMs: hourMs }, { name: 'deep', blocked: 3 }]);
    assert.deepEqual(
      rows.map(({ issuer }) => issuer),
      ['late', 'deep', 'calm'],
    );
  });
});

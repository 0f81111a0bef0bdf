import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SnapshotTurns } from './snapshot-turns.ts';

function takers(count: number): {
  /** Who has had a turn, in order. */
  readonly begun: readonly number[];
  readonly ends: readonly (() => void)[];
  /** Lets every turn that runs last too long. */
  readonly expire: () => void;
} {
  const timers = new Set<() => void>();
  const turns = new SnapshotTurns({
    now: () => 0,
    schedule: (_delayMs, callback) => {
      timers.add(callback);
      return () => timers.delete(callback);
    },
  });
  const begun: number[] = [];
  const ends = Array.from({ length: count }, (_, i) => turns.take(() => begun.push(i)));
  return {
    begun,
    ends,
    expire: () => {
      for (const callback of [...timers]) callback();
    },
  };
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

test('eight have their turn at once, the rest in the order in which they came', () => {
  const { begun, ends } = takers(11);
  assert.deepEqual(begun, upTo(8));
  ends[5]?.();
  ends[5]?.();
  assert.deepEqual(begun, upTo(9));
  ends[0]?.();
  ends[8]?.();
  assert.deepEqual(begun, upTo(11));
});

test('who leaves the line has no turn', () => {
  const { begun, ends } = takers(10);
  ends[8]?.();
  ends[0]?.();
  assert.deepEqual(begun, [...upTo(8), 9]);
});

test('who takes too long keeps nobody waiting, and does not give a turn back twice', () => {
  const { begun, ends, expire } = takers(30);
  expire();
  assert.deepEqual(begun, upTo(16));
  for (const end of ends.slice(0, 8)) end();
  assert.deepEqual(begun, upTo(16));
});

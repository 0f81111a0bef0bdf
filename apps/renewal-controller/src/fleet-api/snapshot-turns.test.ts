import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { SnapshotTurns } from './snapshot-turns.ts';

function takers(count: number): {
  /** Numbers of the callers that got a slot, in order. */
  readonly begun: readonly number[];
  readonly ends: readonly (() => void)[];
  readonly clock: ManualClock;
} {
  const clock = new ManualClock();
  const turns = new SnapshotTurns(clock);
  const begun: number[] = [];
  const ends = Array.from({ length: count }, (_, i) => turns.take(() => begun.push(i)));
  return { begun, ends, clock };
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe('SnapshotTurns', () => {
  test('gives eight slots at once and the others in order', () => {
    const { begun, ends } = takers(11);
    assert.deepEqual(begun, upTo(8));
    ends[5]?.();
    ends[5]?.();
    assert.deepEqual(begun, upTo(9));
    ends[0]?.();
    ends[8]?.();
    assert.deepEqual(begun, upTo(11));
  });

  test('skips a caller that left the queue', () => {
    const { begun, ends } = takers(10);
    ends[8]?.();
    ends[0]?.();
    assert.deepEqual(begun, [...upTo(8), 9]);
  });

  test('frees a slot after its timeout, and only once', async () => {
    const { begun, ends, clock } = takers(30);
    await clock.advance(5_000);
    assert.deepEqual(begun, upTo(16));
    for (const end of ends.slice(0, 8)) end();
    assert.deepEqual(begun, upTo(16));
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { SnapshotTurns } from './snapshot-turns.ts';

function fixture(count: number): {
  /** Numbers of the callers that got a slot, in order. */
  readonly started: readonly number[];
  readonly ends: readonly (() => void)[];
  readonly clock: ManualClock;
} {
  const clock = new ManualClock();
  const turns = new SnapshotTurns(clock);
  const started: number[] = [];
  const ends = Array.from({ length: count }, (_, i) => turns.take(() => started.push(i)));
  return { started, ends, clock };
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe('SnapshotTurns', () => {
  test('gives eight slots at once and the others in order', () => {
    const { started, ends } = fixture(11);
    assert.deepEqual(started, upTo(8));
    ends[5]?.();
    ends[5]?.();
    assert.deepEqual(started, upTo(9));
    ends[0]?.();
    ends[8]?.();
    assert.deepEqual(started, upTo(11));
  });

  test('skips a caller that left the queue', () => {
    const { started, ends } = fixture(10);
    ends[8]?.();
    ends[0]?.();
    assert.deepEqual(started, [...upTo(8), 9]);
  });

  test('frees a slot after its timeout, and only once', async () => {
    const { started, ends, clock } = fixture(30);
    await clock.advance(5_000);
    assert.deepEqual(started, upTo(16));
    for (const end of ends.slice(0, 8)) end();
    assert.deepEqual(started, upTo(16));
  });
});

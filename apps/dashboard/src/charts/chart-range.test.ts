import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { changedRange, selectedRange, spansIn } from './chart-range.ts';
import type { ChartRange, RangeChange } from './chart-range.ts';

const hour = 3_600_000;
const spans = Array.from({ length: 96 }, (_, i) => ({ fromMs: i * hour, renewed: null, failed: null, due: i }));
const hours = (range: ChartRange | undefined): readonly number[] | undefined =>
  range && [range.fromMs / hour, range.toMs / hour];

describe('the range of a chart', () => {
  test('is the spans that a selection touches, and nothing for all of them', () => {
    assert.deepEqual(hours(selectedRange(spans, { fromMs: 10.5 * hour, toMs: 12.2 * hour })), [10, 13]);
    assert.equal(selectedRange(spans, { fromMs: -hour, toMs: 200 * hour }), undefined);
    assert.equal(selectedRange(spans, { fromMs: 200 * hour, toMs: 300 * hour }), undefined);
  });

  test('is halved and doubled around its middle, moved by half, and never leaves the chart', () => {
    const after = (range: ChartRange | undefined, ...changes: readonly RangeChange[]) =>
      hours(changes.reduce<ChartRange | undefined>((changed, change) => changedRange(spans, changed, change), range));
    assert.deepEqual(after(undefined, 'in'), [24, 72]);
    assert.deepEqual(after(undefined, 'in', 'earlier'), [0, 48]);
    assert.deepEqual(after(undefined, 'in', 'earlier', 'earlier'), [0, 48]);
    assert.deepEqual(after(undefined, 'in', 'later', 'later'), [48, 96]);
    assert.equal(after(undefined, 'in', 'out'), undefined);
    assert.equal(after(undefined, 'later'), undefined);
    assert.deepEqual(after({ fromMs: 10 * hour, toMs: 14 * hour }, 'in'), [10, 14]);
    assert.deepEqual(after({ fromMs: 0, toMs: 4 * hour }, 'out'), [0, 8]);
  });

  test('shows all spans when time has passed it', () => {
    assert.equal(spansIn(spans, { fromMs: 10 * hour, toMs: 14 * hour }).length, 4);
    assert.equal(spansIn(spans, { fromMs: -9 * hour, toMs: -2 * hour }).length, 96);
  });
});

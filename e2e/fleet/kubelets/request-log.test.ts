import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { excessOver } from './request-log.ts';

/** Answers by second: `[5, 0, 7]` are five in the first and seven in the third. */
const at = (...perSecond: readonly number[]): readonly number[] =>
  perSecond.flatMap((count, second) => Array.from({ length: count }, () => 1_000 + second));

describe('excessOver', () => {
  test('finds the span of seconds that exceeds the rate most', () => {
    assert.equal(excessOver([], 10, 0), 0);
    assert.equal(excessOver(at(10, 10, 10), 10, 0), 0);
    assert.equal(excessOver(at(15, 10, 10), 10, 5), 0);
    assert.equal(excessOver(at(10, 16, 10), 10, 5), 1);
    assert.equal(excessOver(at(14, 0, 0, 14, 14), 10, 5), 3);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TopN } from './top-n.ts';

describe('TopN', () => {
  test('keeps the same items as sorting and truncating', () => {
    const byValue = (a: number, b: number): number => a - b;
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (values, limit) => {
        const first = new TopN(limit, byValue);
        for (const value of values) first.offer(value);
        assert.deepEqual(first.sorted(), values.toSorted(byValue).slice(0, limit));
      }),
    );
  });
});

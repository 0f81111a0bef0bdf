import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TopN } from './top-n.ts';

test('keeps what sorting all and cutting off would keep', () => {
  const byValue = (a: number, b: number): number => a - b;
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 20 }), (values, most) => {
      const first = new TopN(most, byValue);
      for (const value of values) first.offer(value);
      assert.deepEqual(first.sorted(), values.toSorted(byValue).slice(0, most));
    }),
  );
});

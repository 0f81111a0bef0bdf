import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { keysBetween } from './picked-range.ts';

const keys = ['a', 'b', 'c', 'd'];

describe('keysBetween', () => {
  test('has all rows from the first to the other, in both directions', () => {
    assert.deepEqual(keysBetween(keys, 'b', 'd'), ['b', 'c', 'd']);
    assert.deepEqual(keysBetween(keys, 'd', 'b'), ['b', 'c', 'd']);
    assert.deepEqual(keysBetween(keys, 'c', 'c'), ['c']);
  });

  test('has only the other row if the first is not on this page', () => {
    assert.deepEqual(keysBetween(keys, 'x', 'c'), ['c']);
    assert.deepEqual(keysBetween(keys, undefined, 'c'), ['c']);
  });
});

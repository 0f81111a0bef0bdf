import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureLabels } from './event-reasons.ts';

describe('failureLabels', () => {
  test('returns a reason of the fixed set for any error', () => {
    assert.deepEqual(failureLabels({ reason: 'RequestDenied' }), { event: 'RequestDenied', result: 'denied' });
    for (const reason of [undefined, 'InternalError', 'StorageFull'] as const) {
      assert.deepEqual(failureLabels({ reason }), { event: 'IssuanceFailed', result: 'error' });
    }
  });
});

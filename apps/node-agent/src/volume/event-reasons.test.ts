import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventReasonOf } from './event-reasons.ts';

describe('eventReasonOf', () => {
  test('returns a reason of the fixed set for any error', () => {
    assert.equal(eventReasonOf('RequestDenied'), 'RequestDenied');
    for (const reason of [undefined, 'Unheard', 'toString', '__proto__']) {
      assert.equal(eventReasonOf(reason), 'IssuanceFailed');
    }
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventReasonOf } from './event-reasons.ts';

test('an Event’s reason is one of the fixed set, whatever the error says', () => {
  assert.equal(eventReasonOf('RequestDenied'), 'RequestDenied');
  for (const reason of [undefined, 'Unheard', 'toString', '__proto__']) {
    assert.equal(eventReasonOf(reason), 'IssuanceFailed');
  }
});

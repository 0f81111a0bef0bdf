import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { daySpans, hourSpans } from './timeline-spans.ts';

const timeline = {
  due: {
    hours: [
      { from: '2026-11-26T12:00:00Z', count: 4 },
      { from: '2026-11-26T13:00:00Z', count: 0 },
    ],
    days: [{ from: '2026-11-26T00:00:00Z', count: 9 }],
  },
  done: {
    hours: [
      { from: '2026-11-26T12:00:00Z', renewed: 2, failed: 1, byController: 2, byDeadline: 0 },
      { from: '2026-11-26T11:00:00Z', renewed: 5, failed: 0, byController: 4, byDeadline: 1 },
    ],
  },
  expiry: [],
};
const at = (time: string): number => Date.parse(`2026-11-26T${time}:00Z`);

describe('timeline spans', () => {
  test('hours are in order, and the current one contains both completed and due renewals', () => {
    assert.deepEqual(hourSpans(timeline), [
      { fromMs: at('11:00'), renewed: 5, failed: 0, due: null },
      { fromMs: at('12:00'), renewed: 2, failed: 1, due: 4 },
      { fromMs: at('13:00'), renewed: null, failed: null, due: 0 },
    ]);
  });

  test('days contain only due renewals', () => {
    assert.deepEqual(daySpans(timeline), [{ fromMs: at('00:00'), renewed: null, failed: null, due: 9 }]);
  });
});

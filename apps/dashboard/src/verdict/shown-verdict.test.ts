import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Verdict } from '@certfleet/operator-api/summary.ts';
import { shownVerdict } from './shown-verdict.ts';

describe('shownVerdict', () => {
  test('is never better than unknown without a current answer', () => {
    const ok: Verdict = { level: 'ok', reasons: [], more: 0 };
    assert.equal(shownVerdict(undefined, true).level, 'unknown');
    assert.deepEqual(shownVerdict(ok, true), ok);
    const { level, reasons } = shownVerdict(ok, false);
    assert.equal(level, 'unknown');
    assert.match(reasons[0]?.text ?? '', /last known verdict is: All OK$/);
  });
});

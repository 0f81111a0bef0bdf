import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { annotationsOf, bySpan } from './annotations.ts';

const entry = (at: string, action: AuditEntry['action'], outcome?: AuditEntry['outcome']): AuditEntry => ({
  ...{ id: at, at, who: 'jane', action, target: 'lane ca' },
  ...(outcome && { outcome }),
});

describe('annotationsOf', () => {
  test('completed actions on renewals annotate the hour in which they began', () => {
    const entries = [
      entry('2026-03-01T12:59:59.999Z', 'pause'),
      entry('2026-03-01T12:30:00Z', 'pause', 'started'),
      entry('2026-03-01T12:20:00Z', 'renew', 'refused'),
      entry('2026-03-01T12:10:00Z', 'sign-in', 'done'),
      entry('2026-03-01T11:59:59Z', 'renew', 'done'),
    ];
    const hour = 3_600_000;
    const noon = Date.parse('2026-03-01T12:00:00Z');
    const found = bySpan(annotationsOf({ entries }), [noon - hour, noon], hour);
    assert.deepEqual(
      [...found.values()].map((some) => some.map(({ text }) => text)),
      [['Renew lane ca'], ['Pause lane ca']],
    );
  });
});

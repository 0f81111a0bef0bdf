import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { typedTime } from './typed-time.ts';

describe('typedTime', () => {
  test('accepts a length, a day, and a time with or without its zone', () => {
    assert.equal(typedTime(' 36h ', 'utc'), '36h');
    assert.equal(typedTime('2026-03-01', 'utc'), '2026-03-01T00:00:00Z');
    assert.equal(typedTime('2026-03-01 12:30', 'utc'), '2026-03-01T12:30:00Z');
    assert.equal(typedTime('2026-03-01T12:30:15+02:00', 'utc'), '2026-03-01T10:30:15Z');
    assert.equal(typedTime('2026-03-01 12:30:15 UTC', 'local'), '2026-03-01T12:30:15Z');
    assert.equal(typedTime('2026-03-01 12:30:15 +05:30', 'utc'), '2026-03-01T07:00:15Z');
    assert.equal(
      typedTime('2026-03-01 12:30', 'local'),
      new Date('2026-03-01T12:30').toISOString().replace('.000Z', 'Z'),
    );
    assert.equal(typedTime('2026-03-01', 'local'), new Date('2026-03-01T00:00').toISOString().replace('.000Z', 'Z'));
  });

  test('accepts nothing that could be meant otherwise', () => {
    for (const text of ['', 'tomorrow', '1/2/2026', '2026-13-01', '12:30', '36', '2026-03-01 25:00'])
      assert.equal(typedTime(text, 'utc'), undefined, text);
  });
});

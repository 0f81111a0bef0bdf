import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { absoluteTime, parseLength, relativeTime, shortDuration } from './relative-time.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('relative time', () => {
  test('shows a duration in at most two units, with finer units for shorter ones', () => {
    const cases: readonly (readonly [number, string])[] = [
      [400, '0s'],
      [42 * second, '42s'],
      [3 * minute + 20 * second, '3m 20s'],
      [9 * minute, '9m'],
      [14 * minute + 59 * second, '14m'],
      [3 * hour + 20 * minute, '3h 20m'],
      [2 * day + 4 * hour, '2d 4h'],
      [45 * day + 4 * hour, '45d'],
    ];
    for (const [length, text] of cases) assert.equal(shortDuration(length), text);
  });

  test('shows a time relative to now, future or past', () => {
    assert.equal(relativeTime(5 * minute, 0), 'in 5m');
    assert.equal(relativeTime(0, 26 * hour), '1d 2h ago');
    assert.equal(relativeTime(999, 0), 'now');
  });

  test('the absolute time includes the offset from UTC', () => {
    assert.match(absoluteTime(Date.parse('2026-11-26T12:00:00Z')), /^2026-11-2\d \d\d:\d\d:00 [+-]\d\d:\d\d$/);
  });

  test('parses lengths of digits and one letter', () => {
    assert.deepEqual(['30m', '24h', '7d'].map(parseLength), [30 * minute, 24 * hour, 7 * day]);
    for (const text of ['', '5', 'm', '1w', '-1h', '1.5h', '99999d']) assert.equal(parseLength(text), undefined);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TimeFormat } from './time-format.ts';

const atMs = Date.parse('2026-11-26T12:34:56.789Z');

describe('TimeFormat', () => {
  test('keeps the choice in the browser, and ignores a damaged one', () => {
    const stored = new Map<string, string>([['certfleet-times', 'moon exact']]);
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
    };
    const times = new TimeFormat(storage);
    assert.deepEqual(times.chosen.value, { zone: 'local', form: 'exact' });
    times.choose({ zone: 'utc' });
    assert.deepEqual(new TimeFormat(storage).chosen.value, { zone: 'utc', form: 'exact' });
    assert.equal(times.absolute(atMs), '2026-11-26 12:34:56 UTC');
  });
});

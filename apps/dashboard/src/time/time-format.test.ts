import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { absoluteTime } from './relative-time.ts';
import { TimeFormat } from './time-format.ts';

const at = '2026-11-26T12:34:56.789Z';
const atMs = Date.parse(at);

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

  test("a controller's sentence states its time in the chosen zone", () => {
    const times = new TimeFormat(undefined);
    const [date, time, offset] = absoluteTime(atMs, 'local').split(' ');
    const shown = `${time?.slice(0, 5)} ${offset}`;
    assert.equal(times.inZone('failing since 12:34 UTC: 12:35 UTC', at), `failing since ${shown}: 12:35 UTC`);
    assert.equal(times.inZone('since 2026-11-26 12:34 UTC', at), `since ${date} ${shown}`);
    assert.equal(times.inZone('no time', at), 'no time');
    times.choose({ zone: 'utc' });
    assert.equal(times.inZone('since 12:34 UTC', at), 'since 12:34 UTC');
  });
});

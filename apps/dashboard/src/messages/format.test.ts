import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatOf } from './format.ts';

const atMs = Date.parse('2026-11-26T23:05:09Z');

describe('formatOf', () => {
  test('chooses the form of a count by the rules of the locale, and replaces its number', () => {
    const polish = { one: '# wolumin', few: '# woluminy', many: '# woluminów', other: '# woluminu' };
    const { plural } = formatOf('pl');
    assert.deepEqual(
      [1, 3, 5, 22].map((count) => plural(count, polish)),
      ['1 wolumin', '3 woluminy', '5 woluminów', '22 woluminy'],
    );
    assert.equal(formatOf('en').plural(12_345, { one: '# volume', other: '# volumes' }), '12,345 volumes');
    // A language may need fewer forms than English.
    assert.equal(formatOf('ja').plural(1, { other: 'ボリューム#個' }), 'ボリューム1個');
  });

  test('writes numbers, digits, lists and dates as the locale does', () => {
    const german = formatOf('de');
    assert.equal(german.number(12_345.6), '12.345,6');
    assert.equal(german.digits(12_345), '12345');
    assert.equal(german.digits(1.25, { places: 1 }), '1,3');
    assert.equal(german.digits(7, { isPadded: true }), '07');
    assert.equal(formatOf('en').list(['a', 'b', 'c']), 'a, b, c');
    assert.equal(german.day(atMs, 'utc'), 'Do., 26. Nov.');
    const digits = { year: '2026', month: '11', day: '26', hour: '23', minute: '05', second: '09' };
    assert.deepEqual(german.dateDigits(atMs, 'utc'), digits);
    assert.equal(formatOf('bn').dateDigits(atMs, 'utc').year, '২০২৬');
    // The calendar of this locale is Buddhist.
    assert.equal(formatOf('th').dateDigits(atMs, 'utc').year, '2026');
  });

  test('an unusable time is a dash', () => {
    const { day, dateDigits } = formatOf('en');
    assert.equal(day(Number.NaN, 'local'), '–');
    assert.equal(dateDigits(Number.NaN, 'utc').hour, '–');
  });

  test('keeps elements in their places, and adds no empty texts', () => {
    const { rich } = formatOf('en');
    assert.deepEqual(rich`${'a'} of ${'b'}`, ['a', ' of ', 'b']);
  });
});

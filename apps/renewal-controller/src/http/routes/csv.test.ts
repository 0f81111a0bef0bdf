import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { csvLine } from './csv.ts';

describe('csvLine', () => {
  test('quotes separators and line breaks, and doubles quotes', () => {
    assert.equal(
      csvLine(['a', 'b,c', 'say "hi"', 'two\nlines', 7, undefined]),
      'a,"b,c","say ""hi""","two\nlines",7,\r\n',
    );
  });

  test('prefixes cells that a spreadsheet would run as a formula', () => {
    for (const text of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1']) {
      assert.equal(csvLine([text]), `"'${text}"\r\n`);
    }
    assert.equal(csvLine([-1]), '-1\r\n');
  });
});

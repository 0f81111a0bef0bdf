import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseCsvLine } from './csv-line.ts';

/** Text, and the record that Go's encoding/csv reads; null if Go fails or reads more than one. */
const vectors = JSON.parse(
  readFileSync(new URL('./testdata/csv-line.json', import.meta.url), 'utf8'),
) as readonly (readonly [string, readonly string[] | null])[];

describe('parseCsvLine', () => {
  test('reads the fields that Go reads and rejects what Go rejects', () => {
    assert.equal(vectors.length, 300);
    for (const [text, expected] of vectors) {
      if (expected === null) assert.throws(() => parseCsvLine(text), CertfleetError, JSON.stringify(text));
      else assert.deepEqual(parseCsvLine(text), expected, JSON.stringify(text));
    }
  });

  test('names the rule for quotes that was broken', () => {
    assert.throws(() => parseCsvLine('"a'), /a quote is not closed$/);
    assert.throws(() => parseCsvLine('a"b'), /a quote is inside an unquoted field$/);
    assert.throws(() => parseCsvLine('"a"b'), /text follows a closing quote$/);
    assert.throws(() => parseCsvLine('a\nb'), /there is more than one line$/);
  });

  test('reads back any fields that are written with quotes', () => {
    const field = fc.string().map((text) => text.replaceAll('\r', ''));
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), (fields) => {
        const line = fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(',');
        assert.deepEqual(parseCsvLine(line), fields);
      }),
    );
  });

  test('reads a hostile line in linear time', () => {
    assert.throws(() => parseCsvLine('"'.repeat(65_535)), CertfleetError);
    assert.equal(parseCsvLine(','.repeat(65_535)).length, 65_536);
  });
});

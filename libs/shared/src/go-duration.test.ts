import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CertfleetError } from './errors.ts';
import { formatGoDuration, parseGoDuration } from './go-duration.ts';

/** Text, nanoseconds and printed form from Go's time.ParseDuration and Duration.String; null for an error. */
type Vector = readonly [text: string, nanoseconds: string | null, printed: string | null];
const vectors = JSON.parse(
  readFileSync(new URL('./testdata/go-duration.json', import.meta.url), 'utf8'),
) as readonly Vector[];

describe('Go durations', () => {
  test('accepts and rejects the same texts as Go', () => {
    for (const [text, nanoseconds] of vectors) {
      if (nanoseconds === null) {
        assert.throws(() => parseGoDuration(text), CertfleetError, JSON.stringify(text));
        continue;
      }
      // A double holds about 16 digits; up to 2^53 nanoseconds (104 days) the value is exact to the nanosecond.
      const expectedMs = Number(nanoseconds) / 1e6;
      const difference = Math.abs(parseGoDuration(text) - expectedMs);
      assert.ok(difference <= Math.max(1e-6, Math.abs(expectedMs) * 2 ** -52), `${text}: ${parseGoDuration(text)}`);
    }
  });

  test('prints the same text as Go', () => {
    let compared = 0;
    for (const [text, nanoseconds, printed] of vectors) {
      if (nanoseconds === null || Math.abs(Number(nanoseconds)) > 2 ** 53) continue;
      assert.equal(formatGoDuration(parseGoDuration(text)), printed, text);
      compared += 1;
    }
    assert.equal(compared, 64);
  });

  test('keeps a very short positive duration positive', () => {
    assert.equal(parseGoDuration('1ns'), 1e-6);
    assert.equal(parseGoDuration('0.9ns'), 0);
    assert.equal(formatGoDuration(parseGoDuration('1ns')), '1ns');
    assert.equal(formatGoDuration(0.25), '250µs');
  });

  test('prints common durations', () => {
    assert.equal(formatGoDuration(2_592_000_000), '720h0m0s');
    assert.equal(formatGoDuration(10_000), '10s');
    assert.equal(formatGoDuration(6_666.666666), '6.666666666s');
    assert.equal(formatGoDuration(-90_000), '-1m30s');
    assert.equal(formatGoDuration(-1e-7), '0s');
  });

  test('reports the expected form and the text found', () => {
    assert.throws(() => parseGoDuration('1 week'), {
      code: 'invalid-argument',
      message: 'expected a Go duration such as "1h30m" or "90s", found "1 week"',
    });
    assert.throws(
      () => parseGoDuration('9'.repeat(100_000)),
      (error: Error) => error.message.length < 400,
    );
  });

  test('prints whole milliseconds so that they parse to the same value', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 43), max: 2 ** 43 }), (ms) => {
        assert.equal(parseGoDuration(formatGoDuration(ms)), ms);
      }),
    );
  });

  test('throws only CertfleetError for any text', () => {
    const pieces = fc.array(fc.oneof(fc.string(), fc.constantFrom('1', '.', 'h', 'ms', 's', '-', 'µs', '99999')));
    fc.assert(
      fc.property(pieces, (parts) => {
        try {
          assert.ok(Number.isFinite(parseGoDuration(parts.join(''))));
        } catch (error) {
          assert.ok(error instanceof CertfleetError);
        }
      }),
    );
  });
});

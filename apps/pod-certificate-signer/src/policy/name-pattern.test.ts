import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { namePattern } from './name-pattern.ts';

const classes = { dns: '[a-z0-9_-]', uri: '[A-Za-z0-9._~-]' } as const;

/** The meaning of a pattern as a regular expression, which may need exponential time. */
function reference(kind: keyof typeof classes, pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[^A-Za-z0-9]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join(`${classes[kind]}+`)}$`);
}

describe('namePattern', () => {
  test('matches what its regular expression matches', () => {
    const text = (alphabet: string, maxLength: number): fc.Arbitrary<string> =>
      fc.string({ unit: fc.constantFrom(...alphabet.split(/(?:)/)), maxLength });
    fc.assert(
      fc.property(
        fc.constantFrom('dns' as const, 'uri' as const),
        text('a.*-/', 7),
        text('aB.-/%', 10),
        (kind, pattern, name) => {
          assert.equal(namePattern(kind, pattern)(name), reference(kind, pattern).test(name));
        },
      ),
      { numRuns: 5_000, seed: 37, examples: [['dns', 'a*a*', 'aaaa']] },
    );
  });

  test('answers soon for a long name of a tenant and a pattern with many stars', () => {
    const matches = namePattern('uri', `spiffe://example.com/${'*-'.repeat(100)}x`);
    // With backtracking, neither would end.
    assert.equal(matches(`spiffe://example.com/${'-'.repeat(16_000)}`), false);
    assert.equal(matches(`spiffe://example.com/${'-'.repeat(16_000)}x`), true);
  });
});

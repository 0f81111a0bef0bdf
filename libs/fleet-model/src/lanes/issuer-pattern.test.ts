import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IssuerPattern } from './issuer-pattern.ts';

describe('IssuerPattern', () => {
  test('matches any text, including none, with a star, and every other character literally', () => {
    const key = 'Issuer.cert-manager.io/shop/vault-eu';
    for (const pattern of [
      '*',
      key,
      '*/vault-*',
      'Issuer.*',
      '*eu',
      '*shop*',
      '**/shop/**',
      `${key}*`,
      `*${key}`,
      'I*s*s*u*',
    ])
      assert.ok(new IssuerPattern(pattern).matches(key), pattern);
    for (const pattern of ['', 'vault-eu', '*/vault-e.', '*/vault', 'issuer.*', '*eu*u', '*shop*shop*', `${key}?`])
      assert.ok(!new IssuerPattern(pattern).matches(key), pattern);
    assert.ok(!new IssuerPattern('ab*ba').matches('aba'));
    assert.ok(new IssuerPattern('ab*ba').matches('abba'));
    assert.ok(!new IssuerPattern('a*bc*c').matches('abc'));
  });

  test('agrees with a regular expression on every short text', () => {
    const texts = (length: number): readonly string[] =>
      length === 0 ? [''] : texts(length - 1).flatMap((text) => ['a', 'b'].map((letter) => text + letter));
    for (const pattern of ['a*', '*a', 'a*b', '*ab*', 'a*a*b', '*a*b*a*', 'ab*ba', 'a**b', 'abab'])
      for (const text of [0, 1, 2, 3, 4, 5, 6].flatMap(texts))
        assert.equal(
          new IssuerPattern(pattern).matches(text),
          new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(text),
          `${pattern} ${text}`,
        );
  });

  test('matches a name that nearly matches many stars in linear time', () => {
    const pattern = new IssuerPattern(`${'*a'.repeat(50)}*b*c`);
    const name = 'a'.repeat(1_000);
    const startedMs = performance.now();
    for (let i = 0; i < 1_000; i++) assert.ok(!pattern.matches(name));
    // Backtracking would not end; linear matching takes some milliseconds.
    assert.ok(performance.now() - startedMs < 5_000);
  });

  test('rejects a pattern that is longer than any issuer key', () => {
    assert.throws(() => new IssuerPattern('*'.repeat(1_101)), { code: 'invalid-argument', message: /at most 1100/ });
  });
});

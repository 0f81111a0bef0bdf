import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { parseLiteralSubject } from './literal-subject.ts';
import { oidOfAttributeType } from './name-attribute-types.ts';
import type { DistinguishedName } from '@certfleet/shared/x509/distinguished-name.ts';

/** Text, and the name that cert-manager reads from it; null if it fails or cannot be encoded. */
const vectors = JSON.parse(
  readFileSync(new URL('./testdata/literal-subject.json', import.meta.url), 'utf8'),
) as readonly (readonly [string, DistinguishedName | null])[];

/** cert-manager's library treats the blank after an escaped backslash as escaped; RFC 4514 does not. */
const blankAfterEscapedBackslash = 'CN=a\\\\ ';

describe('parseLiteralSubject', () => {
  test('reads every name that cert-manager reads, with the same result', () => {
    let read = 0;
    for (const [text, expected] of vectors) {
      if (expected === null || text === blankAfterEscapedBackslash) continue;
      assert.deepEqual(parseLiteralSubject(text), expected, JSON.stringify(text));
      read += 1;
    }
    assert.equal(read, 43);
    assert.equal(parseLiteralSubject(blankAfterEscapedBackslash)[0]?.[0]?.value, 'a\\');
  });

  test('rejects every name that cert-manager rejects', () => {
    for (const [text, expected] of vectors) {
      if (expected === null) assert.throws(() => parseLiteralSubject(text), CertfleetError, JSON.stringify(text));
    }
  });

  test("converts the text's order into the certificate's", () => {
    assert.deepEqual(parseLiteralSubject('CN=web+UID=7,O=Acme,C=DE'), [
      [{ oid: '2.5.4.6', value: 'DE' }],
      [{ oid: '2.5.4.10', value: 'Acme' }],
      [
        { oid: '2.5.4.3', value: 'web' },
        { oid: '0.9.2342.19200300.100.1.1', value: '7' },
      ],
    ]);
  });

  test('knows more short names than cert-manager, in any case', () => {
    assert.deepEqual(parseLiteralSubject('emailAddress=a@example.com,cn=web,postalCode=53111'), [
      [{ oid: '2.5.4.17', value: '53111' }],
      [{ oid: '2.5.4.3', value: 'web' }],
      [{ oid: '1.2.840.113549.1.9.1', value: 'a@example.com' }],
    ]);
  });

  test('reads strings in BER of each kind', () => {
    const value = (hex: string): string | undefined => parseLiteralSubject(`CN=#${hex}`)[0]?.[0]?.value;
    assert.equal(value('0c024869'), 'Hi');
    assert.equal(value('13024869'), 'Hi');
    assert.equal(value('1e0400480069'), 'Hi');
    assert.equal(value('0c81024869'), 'Hi');
    for (const hex of [
      '0c',
      '0c03486',
      '0c034869',
      '0c804869',
      '0c81014869',
      '30024869',
      '0c01ff',
      '1e0100',
      '0c024869ff',
    ]) {
      assert.throws(() => value(hex), /the value after "#" must be a string in BER, in hex digits$/, hex);
    }
  });

  test('explains what is wrong with a name', () => {
    const expected = {
      CN: /a part without "="$/,
      'FOO=a': /must be a known short name or a dotted object identifier$/,
      '3.1=a': /must be a known short name or a dotted object identifier$/,
      'CN=\\x': /a backslash must be followed by a special character or two hex digits$/,
      'CN=\\FF': /hex pairs must be UTF-8$/,
      'CN=a\\00b': /must not contain control characters$/,
    };
    for (const [text, message] of Object.entries(expected)) {
      assert.throws(() => parseLiteralSubject(text), { code: 'invalid-argument', message });
    }
  });

  test('accepts object identifiers only by the rules of X.660', () => {
    for (const oid of ['0.39', '1.3.6.1.4.1', '2.999.1', '2.5.4.3']) assert.equal(oidOfAttributeType(oid), oid);
    for (const oid of ['', '1', '3.1', '0.40', '1.03', '1.3.', '1..3', '1.3.-1']) {
      assert.equal(oidOfAttributeType(oid), undefined, oid);
    }
  });

  /** Escapes by RFC 4514 section 2.4, with hex pairs for what `hexAll` chooses. */
  function escape(value: string, hexAll: boolean): string {
    if (hexAll) return Buffer.from(value).toString('hex').replace(/../g, '\\$&');
    return value.replace(/[,+"\\<>;=]/g, '\\$&').replace(/^[ #]|(?<!^) $/g, '\\$&');
  }

  const value = fc
    .string({ unit: 'grapheme', maxLength: 20 })
    .map((text) => text.replace(/\p{Cc}/gu, ''))
    .filter((text) => text.isWellFormed());
  const attribute = fc.record(
    { oid: fc.constantFrom('2.5.4.3', '2.5.4.10', '1.3.6.1.4.1.99'), value },
    { noNullPrototype: true },
  );
  const name = fc.array(fc.array(attribute, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 4 });

  test('reads back every name that is escaped by the RFC', () => {
    fc.assert(
      fc.property(name, fc.boolean(), (rdns, hexAll) => {
        const text = rdns
          .toReversed()
          .map((rdn) => rdn.map((part) => `${part.oid}=${escape(part.value, hexAll)}`).join('+'))
          .join(',');
        assert.deepEqual(parseLiteralSubject(text), rdns);
      }),
      { numRuns: 500 },
    );
  });

  test('throws only CertfleetError, for any text', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('CN', '=', ',', '+', '\\', '#', 'C3', '0c', ' ', '2.5.4.3'));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        try {
          parseLiteralSubject(pieces.join(''));
        } catch (error) {
          assert.ok(error instanceof CertfleetError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { nameDifferences } from './name-differences.ts';
import type { IssuedNames, NameDifferences, RequestedNames } from './name-differences.ts';

const noNames = { dnsNames: [], ipAddresses: [], uris: [] };
const subjectOf = (...names: readonly string[]): RequestedNames['subject'] => [
  [{ oid: '2.5.4.10', value: 'CN=Shop' }],
  ...names.map((value) => [{ oid: '2.5.4.3', value }]),
];

function differences(
  requested: Partial<RequestedNames>,
  issued: Partial<IssuedNames>,
): Partial<Record<keyof NameDifferences, readonly string[]>> {
  const { missing, added } = nameDifferences(
    { ...noNames, subject: [], ...requested },
    { ...noNames, subject: '', ...issued },
  );
  return { ...(missing.length > 0 && { missing }), ...(added.length > 0 && { added }) };
}

describe('nameDifferences', () => {
  test('finds none in other texts of the same names, in any order', () => {
    const requested = {
      dnsNames: ['A.example', '*.b.example'],
      ipAddresses: ['10.0.0.1', '2001:db8::1'],
      uris: ['spiffe://x/Y'],
      subject: subjectOf('A.example'),
    };
    const issued = {
      dnsNames: ['*.b.example', 'a.example'],
      ipAddresses: ['2001:DB8:0:0:0:0:0:1', '10.0.0.1'],
      uris: ['spiffe://x/Y'],
      subject: 'CN=a.example,O=CN=Shop',
    };
    assert.deepEqual(differences(requested, issued), {});
  });

  test('finds replaced names of each kind', () => {
    assert.deepEqual(differences({ dnsNames: ['a'] }, { dnsNames: ['b'] }), { missing: ['DNS:a'], added: ['DNS:b'] });
    assert.deepEqual(differences({ ipAddresses: ['10.0.0.1'] }, {}), { missing: ['IP:10.0.0.1'] });
    assert.deepEqual(differences({ uris: ['spiffe://x/Y'] }, { uris: ['spiffe://x/y'] }), {
      missing: ['URI:spiffe://x/Y'],
      added: ['URI:spiffe://x/y'],
    });
    assert.deepEqual(differences({ subject: subjectOf('a') }, { subject: 'CN=b' }), {
      missing: ['CN:a'],
      added: ['CN:b'],
    });
  });

  test('accepts a common name that is omitted or added as a copy of an alternative name', () => {
    assert.deepEqual(differences({ dnsNames: ['a'], subject: subjectOf('a') }, { dnsNames: ['a'] }), {});
    assert.deepEqual(differences({ dnsNames: ['a'] }, { dnsNames: ['a'], subject: 'CN=a' }), {});
    assert.deepEqual(differences({ subject: subjectOf('a') }, { subject: 'CN=a', dnsNames: ['a'] }), {});
  });

  test('finds an alternative name that is only in the common name, which TLS peers ignore', () => {
    assert.deepEqual(differences({ dnsNames: ['a'] }, { subject: 'CN=a' }), { missing: ['DNS:a'] });
  });

  test('reads escaped common names, and none in the values of other attributes', () => {
    assert.deepEqual(differences({ subject: subjectOf('Shop, Ltd') }, { subject: 'O=x,CN=Shop\\, Ltd' }), {});
    assert.deepEqual(differences({}, { subject: 'O=x\\,CN=evil' }), {});
  });
});

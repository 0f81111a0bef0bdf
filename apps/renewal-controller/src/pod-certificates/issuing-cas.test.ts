import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { issuedBy, issuingCasOf, knownCa } from './issuing-cas.ts';
import type { IssuedBy } from './issuing-cas.ts';
import { leafOf, testCa } from './testing/test-cas.ts';
import type { TestCa } from './testing/test-cas.ts';

const [one, two, other] = [testCa('one'), testCa('two'), testCa('other')];

function by(chain: string, leaving: TestCa = one, arriving: TestCa = two): IssuedBy {
  const known = (ca: TestCa) => [knownCa(ca.certificate)];
  return issuedBy(issuingCasOf(chain), { leaving: known(leaving), arriving: known(arriving) });
}

describe('the CAs of a chain', () => {
  test('a root is recognised by the identifier of its key, though it is not in the chain', () => {
    assert.deepEqual(
      [one, two, other].map((ca) => by(leafOf(ca))),
      ['leaving', 'arriving', 'other'],
    );
  });

  test('CAs with the same name are told apart by their keys', () => {
    const renewed = testCa('one');
    assert.equal(by(leafOf(renewed), one, renewed), 'arriving');
    assert.equal(by(leafOf(one), one, renewed), 'leaving');
  });

  test('an intermediate CA and the root above it are recognised, in any order', () => {
    const intermediate = testCa('intermediate', { parent: one });
    const chain = `${leafOf(intermediate)}${intermediate.pem}`;
    assert.equal(by(chain), 'leaving');
    assert.equal(by(chain, intermediate, two), 'leaving');
    assert.equal(by(chain, two, intermediate), 'arriving');
    const below = testCa('below', { parent: intermediate });
    for (const cas of [below.pem + intermediate.pem, intermediate.pem + below.pem])
      assert.equal(by(`${leafOf(below)}${cas}`), 'leaving');
  });

  test('a certificate that both CAs verify, because they have one key, is not one of the leaving CA only', () => {
    const renewed = testCa('one', { key: one.key });
    assert.equal(by(leafOf(one), one, renewed), 'arriving');
  });

  test('without identifiers, the name decides if it can', () => {
    const plain = { hasKeyIds: false };
    const [old, next] = [testCa('same', plain), testCa('same', plain)];
    assert.equal(by(leafOf(one, plain)), 'leaving');
    assert.equal(by(leafOf(old, plain), old, two), 'leaving');
    assert.equal(by(leafOf(old, plain), two, next), 'arriving');
    assert.equal(by(leafOf(old, plain), old, next), 'unknown');
    assert.equal(by(leafOf(other, plain)), 'other');
  });

  test('a chain that cannot be read says nothing', () => {
    const damaged = [
      undefined,
      7,
      '',
      '-----BEGIN CERTIFICATE-----',
      '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----',
    ];
    assert.deepEqual(
      damaged.map((chain) => issuingCasOf(chain)),
      damaged.map(() => undefined),
    );
    const cas = { leaving: [knownCa(one.certificate)], arriving: [knownCa(two.certificate)] };
    assert.equal(issuedBy(undefined, cas), 'unknown');
    assert.equal(issuingCasOf(leafOf(one) + one.pem.repeat(20)), undefined);
  });
});

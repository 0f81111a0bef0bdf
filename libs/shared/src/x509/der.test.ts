import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  bitString,
  bmpString,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
} from './der.ts';
import { readDerChildren, readDerValues } from '../der-reader.ts';

const hex = (bytes: Buffer): string => bytes.toString('hex');

describe('der', () => {
  test('encodes lengths in the short form to 127 octets, and in the shortest long form above', () => {
    assert.equal(hex(octetString(Buffer.alloc(127))).slice(0, 4), '047f');
    assert.equal(hex(octetString(Buffer.alloc(128))).slice(0, 6), '048180');
    assert.equal(hex(octetString(Buffer.alloc(256))).slice(0, 8), '04820100');
  });

  test('encodes integers as non-negative two’s complement', () => {
    assert.deepEqual(
      [0, 1, 127, 128, 255, 256, 2048].map((value) => hex(integer(value))),
      ['020100', '020101', '02017f', '02020080', '020200ff', '02020100', '02020800'],
    );
  });

  test('encodes object identifiers, also with arcs beyond 64 bits', () => {
    assert.equal(hex(objectIdentifier('1.2.840.113549.1.1.11')), '06092a864886f70d01010b');
    assert.equal(hex(objectIdentifier('2.5.4.3')), '0603550403');
    assert.equal(hex(objectIdentifier('2.999.3')), '0603883703');
    // UUID arcs (X.667): f81d4fae-7dec-11d0-a765-00a0c91e6bf6.
    assert.equal(
      hex(objectIdentifier('2.25.329800735698586629295641978511506172918')),
      '0614698 3f09da7ebcfdee0c7a1a7b2c0948cc8f9d776'.replace(' ', ''),
    );
  });

  for (const text of ['', '1', '3.1', '1.40', '1.2.', '1.02', '1.2.x', '1.2.-3']) {
    test(`rejects ${JSON.stringify(text)} as an object identifier`, () => {
      assert.throws(() => objectIdentifier(text), { code: 'invalid-argument' });
    });
  }

  test('orders the elements of a set by their encodings', () => {
    assert.equal(hex(setOf(integer(2), integer(1))), hex(setOf(integer(1), integer(2))));
    assert.equal(hex(setOf(octetString(Buffer.of(0)), integer(256))), '3107' + '02020100' + '040100');
  });

  test('encodes times as UTCTime until 2049 and as GeneralizedTime from 2050', () => {
    assert.equal(time(new Date('2049-12-31T23:59:59.999Z')).toString('latin1', 2), '491231235959Z');
    assert.equal(hex(time(new Date('2049-12-31T23:59:59Z'))).slice(0, 2), '17');
    assert.equal(time(new Date('2050-01-01T00:00:00Z')).toString('latin1', 2), '20500101000000Z');
    assert.equal(hex(time(new Date('2050-01-01T00:00:00Z'))).slice(0, 2), '18');
  });

  test('encodes strings in their alphabets', () => {
    assert.equal(hex(utf8String('é')), '0c02c3a9');
    assert.equal(hex(bmpString('aé')), '1e04006100e9');
    assert.equal(hex(bitString(Buffer.of(0xa0), 5)), '030205a0');
  });

  test('reads back what it encodes', () => {
    const [number, list] = readDerChildren(sequence(integer(7), sequence(octetString(Buffer.alloc(300, 1)))));
    assert.equal(number?.tag, 0x02);
    assert.deepEqual(number.content, Buffer.of(7));
    assert.deepEqual(readDerValues(list?.content ?? Buffer.alloc(0))[0]?.content, Buffer.alloc(300, 1));
  });

  for (const [why, encoded] of [
    ['a value that ends early', '0405aabb'],
    ['a length that ends early', '0482aa'],
    ['a tag only', '30'],
    ['the indefinite form', '30800000'],
    ['a length of five octets', '04850000000001aa'],
    ['a tag of several octets', '1f8101010'.padEnd(10, '0')],
  ] as const) {
    test(`rejects ${why}`, () => {
      assert.throws(() => readDerValues(Buffer.from(encoded, 'hex')), { code: 'invalid-argument' });
    });
  }

  test('rejects trailing bytes after a single value', () => {
    assert.throws(() => readDerChildren(Buffer.from('300000', 'hex')), { code: 'invalid-argument' });
  });
});

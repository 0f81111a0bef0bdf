import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { encodePem, parsePem } from './pem.ts';

describe('parsePem', () => {
  test('reads back any blocks, with text between them', () => {
    const block = fc.tuple(fc.constantFrom('CERTIFICATE', 'X509 CRL'), fc.uint8Array({ minLength: 1, maxLength: 200 }));
    fc.assert(
      fc.property(
        fc.array(block, { maxLength: 4 }),
        fc.constantFrom('', 'subject=/CN=a\n', '\r\n'),
        (blocks, between) => {
          const text = blocks.map(([label, der]) => between + encodePem(label, der)).join('');
          assert.deepEqual(
            parsePem(text).map(({ label, der }) => [label, der.toString('hex')]),
            blocks.map(([label, der]) => [label, Buffer.from(der).toString('hex')]),
          );
        },
      ),
    );
  });

  test('reads lines that end in CR LF', () => {
    const text = encodePem('CERTIFICATE', Buffer.alloc(100, 7)).replaceAll('\n', '\r\n');
    assert.deepEqual(parsePem(text)[0]?.der, Buffer.alloc(100, 7));
  });

  for (const [why, text] of [
    ['does not end', '-----BEGIN CERTIFICATE-----\nAAAA\n'],
    ['ends with another label', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END X509 CRL-----\n'],
    ['is empty', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
    ['is not base64', '-----BEGIN CERTIFICATE-----\nAA*A\n-----END CERTIFICATE-----\n'],
    ['has headers', '-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END CERTIFICATE-----\n'],
    ['is cut within a group', '-----BEGIN CERTIFICATE-----\nAAAAA\n-----END CERTIFICATE-----\n'],
  ] as const) {
    test(`rejects a block that ${why}`, () => {
      assert.throws(() => parsePem(text), { code: 'invalid-argument' });
    });
  }
});

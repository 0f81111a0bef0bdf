import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compactHex, expandHex } from './compact-hex.ts';

describe('compactHex', () => {
  test('restores every text, and shortens fingerprints by a third', () => {
    const hex = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    const marked = fc.string().map((text) => `~${text}`);
    fc.assert(
      fc.property(fc.oneof(hex, fc.string({ unit: 'binary' }), marked), (text) => {
        assert.equal(expandHex(compactHex(text)), text);
      }),
    );
    assert.equal(compactHex('fe'.repeat(32)).length, 44);
  });
});

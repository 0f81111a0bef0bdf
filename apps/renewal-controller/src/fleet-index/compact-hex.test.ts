import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compactHex, expandHex } from './compact-hex.ts';

test('gives back whatever it was given, and fingerprints in two thirds', () => {
  const hex = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('hex'));
  const marked = fc.string().map((text) => `~${text}`);
  fc.assert(
    fc.property(fc.oneof(hex, fc.string({ unit: 'binary' }), marked), (text) => {
      assert.equal(expandHex(compactHex(text)), text);
    }),
  );
  assert.equal(compactHex('fe'.repeat(32)).length, 44);
});

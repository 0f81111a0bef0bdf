import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { decodeLines } from './line-decoder.ts';

function chunks(...parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  return (async function* () {
    await Promise.resolve();
    yield* parts;
  })();
}

describe('decodeLines', () => {
  test('joins lines and characters that are split at any position', async () => {
    const bytes = Buffer.from('{"a":"ü€😀"}\n\nsecond\nthird\n', 'utf8');
    for (let size = 1; size <= bytes.length; size += 1) {
      const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      assert.deepEqual(await Array.fromAsync(decodeLines(chunks(...parts), 100)), ['{"a":"ü€😀"}', 'second', 'third']);
    }
  });

  test('drops an incomplete last line', async () => {
    assert.deepEqual(await Array.fromAsync(decodeLines(chunks(Buffer.from('whole\nhal')), 100)), ['whole']);
  });

  test('rejects a line without end', async () => {
    const endless = Array.from({ length: 11 }, () => Buffer.alloc(10, 'x'));
    await assert.rejects(Array.fromAsync(decodeLines(chunks(...endless), 100)), /limit of 100 bytes/);
  });
});

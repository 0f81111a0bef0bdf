import assert from 'node:assert/strict';
import { join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { assertSafeVolumeId } from './volume-id.ts';

describe('assertSafeVolumeId', () => {
  test("accepts the kubelet's ids, and every other plain name", () => {
    for (const id of [`csi-${'0af9'.repeat(16)}`, 'vol', '.hidden', 'a..b', 'ümlaut', 'with space', 'x'.repeat(128)]) {
      assert.doesNotThrow(() => assertSafeVolumeId(id), id);
    }
  });

  test('rejects everything that is not a plain name', () => {
    const hostile = [
      '',
      '.',
      '..',
      '..data',
      '../x',
      '/',
      '/etc',
      'a/b',
      'a\0b',
      'a\nb',
      '\ud800',
      'x'.repeat(129),
      'ü'.repeat(65),
    ];
    for (const id of hostile) {
      assert.throws(
        () => assertSafeVolumeId(id),
        { code: 'invalid-argument', message: /^volume_id: / },
        JSON.stringify(id),
      );
    }
  });

  test('accepts only names of one directory directly below the root', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[./a\0]*$/)), (id) => {
        try {
          assertSafeVolumeId(id);
        } catch {
          return;
        }
        assert.equal(normalize(join('/root', id)), `/root/${id}`);
        assert.equal(join('/root', id).split('/').length, 3);
      }),
    );
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isDnsSubdomain } from './qualified-name.ts';
import { requestBaseName } from './request-base-name.ts';

const suffix = `-0123456789ab-${Number.MAX_SAFE_INTEGER}-${Number.MAX_SAFE_INTEGER}`;

describe('requestBaseName', () => {
  test('makes a valid name of any pod’s name', () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    const podName = fc
      .array(label, { minLength: 1, maxLength: 60 })
      .map((labels) => labels.join('.'))
      .filter(isDnsSubdomain);
    fc.assert(
      fc.property(podName, (name) => {
        assert.ok(isDnsSubdomain(requestBaseName(name) + suffix), name);
        assert.ok(name.startsWith(requestBaseName(name)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('removes dots and dashes at the cut', () => {
    for (const tail of ['.b', '-b', '--b', '-'.repeat(40) + 'b', '.b.b']) {
      for (let length = 195; length <= 201; length += 1) {
        const name = 'a'.repeat(length) + tail;
        assert.ok(isDnsSubdomain(requestBaseName(name) + suffix), name);
      }
    }
    assert.equal(requestBaseName('a'.repeat(199) + '.b'), 'a'.repeat(199));
  });

  test('keeps the name of most pods unchanged', () => {
    assert.equal(requestBaseName('web-0'), 'web-0');
    assert.equal(requestBaseName('a'.repeat(200)), 'a'.repeat(200));
  });
});

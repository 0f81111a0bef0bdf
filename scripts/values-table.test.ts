import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';

import { valuesReference } from './values-table.ts';

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

describe('valuesReference', () => {
  test('docs/reference/values.md is up to date', () => {
    assert.equal(
      read('docs/reference/values.md'),
      valuesReference(read('helm/certfleet/values.yaml')),
      'run node scripts/values-reference.ts',
    );
  });

  test('a mapping with a comment is one value, one without is split into its members', () => {
    const page = valuesReference('# Whole.\nwhole:\n  a: 1\nparts:\n  # Part a|b.\n  a: true\n');
    assert.match(page, /\| `whole` \| `\{"a":1\}` \| Whole\. \|\n\| `parts\.a` \| `true` \| Part a\\\|b\. \|\n$/);
  });

  test('rejects a value without a comment', () => {
    assert.throws(() => valuesReference('# First.\nfirst: 1\nsecond: 2\n'), /second has no comment/);
  });
});

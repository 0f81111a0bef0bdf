import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { signerReferencePath, renderSignerReference } from './generate-signer-reference.ts';

describe('docs/reference/signer.md', () => {
  test('is up to date', async () => {
    assert.equal(readFileSync(signerReferencePath, 'utf8'), await renderSignerReference());
  });
});

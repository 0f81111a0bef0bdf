import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { signerReferencePath, renderSignerReference } from './generate-signer-reference.ts';

test('docs/reference/signer.md is up to date', async () => {
  assert.equal(readFileSync(signerReferencePath, 'utf8'), await renderSignerReference());
});

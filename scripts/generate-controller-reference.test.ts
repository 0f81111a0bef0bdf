import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { controllerReferencePath, renderControllerReference } from './generate-controller-reference.ts';

describe('docs/reference/controller.md', () => {
  test('is up to date', async () => {
    assert.equal(readFileSync(controllerReferencePath, 'utf8'), await renderControllerReference());
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { controllerReferencePath, renderControllerReference } from './generate-controller-reference.ts';

test('docs/reference/controller.md is up to date', async () => {
  assert.equal(readFileSync(controllerReferencePath, 'utf8'), await renderControllerReference());
});

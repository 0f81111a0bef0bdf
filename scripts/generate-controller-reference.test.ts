import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { controllerReferencePath, renderControllerReference } from './generate-controller-reference.ts';

test('the reference of the controller says what its tables say', async () => {
  assert.equal(readFileSync(controllerReferencePath, 'utf8'), await renderControllerReference());
});

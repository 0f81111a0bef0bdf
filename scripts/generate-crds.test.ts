import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';

import { allKinds, crdFile, crdPath } from './generate-crds.ts';

describe('the CustomResourceDefinitions of the chart', () => {
  test('are those of the table of kinds', async () => {
    const paths = allKinds.map(crdPath);
    for (const [i, kind] of allKinds.entries()) {
      assert.equal(readFileSync(paths[i] ?? '', 'utf8'), await crdFile(kind), 'run npm run reference');
    }
    const files = readdirSync(dirname(paths[0] ?? ''));
    assert.equal(files.length, allKinds.length, 'a file of a kind that no longer exists');
  });
});

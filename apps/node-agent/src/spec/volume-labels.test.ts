import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { idHash, nodeIdHashLabel, volumeIdHashLabel } from './volume-labels.ts';

/** Ids and their hashes by Go's hash/fnv and csi-driver's alphabet. */
const vectors = JSON.parse(
  readFileSync(new URL('./testdata/id-hash.json', import.meta.url), 'utf8'),
) as readonly (readonly [string, string])[];

describe('volume labels', () => {
  test('hashes an id as csi-driver does', () => {
    assert.equal(idHash('test-node'), 'f56fd9f8b');
    for (const [id, hash] of vectors) assert.equal(idHash(id), hash, id);
  });

  test('names the labels of csi-driver', () => {
    assert.equal(nodeIdHashLabel, 'csi.cert-manager.io/node-id-hash');
    assert.equal(volumeIdHashLabel, 'csi.cert-manager.io/volume-id-hash');
  });
});

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { idHash, nodeIdHashLabel, volumeIdHashLabel } from './volume-labels.ts';

/** Ids and their hashes by Go's hash/fnv and the peer's alphabet. */
const vectors = JSON.parse(
  readFileSync(new URL('./testdata/id-hash.json', import.meta.url), 'utf8'),
) as readonly (readonly [string, string])[];

test('hashes an id as the peer does', () => {
  assert.equal(idHash('test-node'), 'f56fd9f8b');
  for (const [id, hash] of vectors) assert.equal(idHash(id), hash, id);
});

test("names the peer's labels", () => {
  assert.equal(nodeIdHashLabel, 'csi.cert-manager.io/node-id-hash');
  assert.equal(volumeIdHashLabel, 'csi.cert-manager.io/volume-id-hash');
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RenewalTargets, maxTargets } from './renewal-targets.ts';

const volume = (node: string, volumeId: string, generation = 1) => ({ node, volumeId, generation });

describe('RenewalTargets', () => {
  test('contains the accepted generations only, also after it was written and read', () => {
    const volumes = Array.from({ length: 500 }, (_, i) => volume(`node-${i % 3}`, `csi-${i}`, 1 + (i % 4)));
    const targets = RenewalTargets.parse(RenewalTargets.of(volumes).toStatus());
    for (const each of volumes) {
      assert.ok(targets.has(each));
      assert.ok(!targets.has({ ...each, generation: each.generation + 1 }));
      assert.ok(!targets.has({ ...each, volumeId: `${each.volumeId}-new` }));
      assert.ok(!targets.has({ ...each, node: 'node-9' }));
    }
    assert.deepEqual(
      [...targets.nodes()].map(([, count]) => count),
      [167, 167, 166],
    );
  });

  test('reads damaged entries as fewer targets', () => {
    const targets = RenewalTargets.parse([{ node: 'a', hashes: '???' }]);
    assert.ok(!targets.has(volume('a', 'csi-1')));
  });

  test('stays below a megabyte at its limit', () => {
    const volumes = Array.from({ length: maxTargets }, (_, i) => volume(`node-${i % 1_000}`, `csi-${i}`));
    assert.ok(JSON.stringify(RenewalTargets.of(volumes).toStatus()).length < 1_000_000);
  });
});

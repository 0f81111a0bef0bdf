import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import { reportOf } from '../dispatch/testing/test-fleet.ts';
import { latestFailures, measureTargets } from './measure-targets.ts';
import { countsOf } from './renewal-status.ts';
import { RenewalTargets } from './renewal-targets.ts';

const volume = (node: string, id: string, generation = 1, attempts = 0): IndexedVolume =>
  indexedVolumeOf(node, reportOf({ id, generation, attempts, failedAtMs: attempts * 1_000 }));

const accepted = [volume('a', 'v1', 3), volume('a', 'v2', 1), volume('a', 'v3', 1), volume('b', 'v4', 7)];
const targets = RenewalTargets.of(accepted);
const among =
  (volumes: readonly IndexedVolume[]) =>
  (node: string): readonly IndexedVolume[] =>
    volumes.filter((each) => each.node === node);

describe('measureTargets', () => {
  test('finds what is left by generations, whatever the clocks of the nodes say', async () => {
    const now = [volume('a', 'v1', 3), volume('a', 'v2', 2), volume('a', 'new', 1), volume('b', 'v4', 12)];
    const measured = await measureTargets(targets, among(now), () => true);
    assert.deepEqual(
      measured.pending.map(({ volumeId }) => volumeId),
      ['v1'],
    );
    // v3 left the fleet.
    assert.deepEqual([measured.renewed, measured.unreported], [2, 0]);
  });

  test('knows nothing about the targets of nodes that have not reported', async () => {
    const measured = await measureTargets(targets, among([volume('a', 'v2', 2)]), (node) => node === 'b');
    assert.deepEqual(
      [measured.pending.length, measured.renewed, measured.unreported, measured.unreportedNodes],
      [0, 1, 2, ['a']],
    );
  });

  test('lists the latest failures of pending volumes, up to a limit', () => {
    const failing = [volume('a', 'v1', 3, 1), volume('a', 'v2', 1, 3), volume('a', 'v3', 1, 2), volume('b', 'v4', 7)];
    assert.deepEqual(
      latestFailures(failing, 2).map(({ volumeId }) => volumeId),
      ['v2', 'v3'],
    );
  });
});

describe('countsOf', () => {
  const known = { total: 10, pending: 2, unreported: 1, renewed: [3, 5, 4], failures: [0, 2] };

  test('takes the best known number of renewals, and counts the rest as gone', () => {
    assert.deepEqual(countsOf(known), { total: 10, pending: 3, renewed: 5, gone: 2, unreported: 1, failures: 2 });
  });

  test('never counts a volume twice', () => {
    const { pending, renewed, gone } = countsOf({ ...known, pending: 8, renewed: [9] });
    assert.deepEqual([pending, renewed, gone], [9, 1, 0]);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Rotation } from '@certfleet/operator-api/rotations.ts';
import { bundleText, phaseProgress, podCounts, stateLabel } from './rotation-labels.ts';

const rotation: Rotation = {
  ...{ id: 'corporate', by: 'ann', reason: 'expires', phase: 'Verify', direction: 'Forward' },
  ...{
    isSuspended: false,
    isProposed: false,
    isDeleted: false,
    isStalled: true,
    createdAt: '2026-01-01T00:00:00Z',
    from: [],
    to: [],
  },
  counts: { total: 10, trusted: 10, reissued: 9, served: 4, notLoaded: 2, failing: 0, retired: 1, blocked: 2 },
  blocking: { volumes: [], nodes: [], issuers: [] },
};

describe('phaseProgress', () => {
  test('shows earlier phases as done, the current one by its count, and later ones empty', () => {
    assert.deepEqual(
      phaseProgress(rotation).map(({ phase, done, state }) => [phase, done, state]),
      [
        ['Trust', 10, 'done'],
        ['Reissue', 10, 'done'],
        ['Verify', 7, 'current'],
        ['Retire', 0, 'later'],
      ],
    );
  });

  test('shows every phase of a completed rotation as done, and none of one that has not begun', () => {
    const states = (phase: Rotation['phase']): string[] =>
      phaseProgress({ ...rotation, phase }).map(({ state }) => state);
    assert.deepEqual(states('Completed'), ['done', 'done', 'done', 'done']);
    assert.deepEqual(states('Pending'), ['later', 'later', 'later', 'later']);
  });
});

describe('stateLabel', () => {
  test('says what keeps a rotation', () => {
    assert.equal(stateLabel(rotation), 'Verify, stopped');
    assert.equal(stateLabel({ ...rotation, isSuspended: true, direction: 'Backward' }), 'Verify, rollback, suspended');
    assert.equal(stateLabel({ ...rotation, phase: 'RolledBack' }), 'Rolled back');
    const proposed = { ...rotation, phase: 'Pending' as const, isSuspended: true, isProposed: true };
    assert.equal(stateLabel(proposed), 'Proposed');
  });
});

describe('the pod certificates of a rotation', () => {
  test('are counted, with those that are unknown', () => {
    assert.equal(podCounts({ total: 10, reissued: 4, unknown: 0 }), 'Pod certificates of the new CA: 4 of 10');
    assert.match(podCounts({ total: 10, reissued: 4, unknown: 2 }), /4 of 10, 2 unknown until their next refresh/);
  });

  test('have a bundle, with what it lacks', () => {
    assert.equal(bundleText({ bundle: 'Verified' }), 'its trust bundle contains both CAs');
    assert.match(bundleText({ bundle: 'Incomplete', problem: 'lacks the new CA' }), /incomplete: lacks the new CA/);
  });
});

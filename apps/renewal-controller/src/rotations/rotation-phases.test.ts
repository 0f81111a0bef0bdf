import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RotationFacts, VolumeGroup } from './rotation-facts.ts';
import type { Direction, Phase } from './rotation-object.ts';
import { decide } from './rotation-phases.ts';
import type { RotationContext } from './rotation-phases.ts';
import { limitOf } from './threshold.ts';
import { trustProblem } from './trust-invariant.ts';

const pair = { leaving: new Set(['old']), arriving: new Set(['new']) };
const group = (count: number): VolumeGroup => ({ count, first: [] });
const none = group(0);

/** A fleet of ten volumes whose files contain both roots, all with certificates of the new CA. */
function facts(changed: Partial<RotationFacts> = {}): RotationFacts {
  return {
    ...{ isSettled: true, unverifiedNodes: [], nodes: new Set(['node-a']), total: 10, untrusting: none },
    ...{ withoutArriving: 0, toReissue: none, unselected: none, byIssuer: new Map(), byFingerprint: new Map() },
    ...{ failing: none, notLoaded: none, awaitingProbe: none, served: 0, stillTrusting: none, ...changed },
  };
}

function next(
  phase: Phase,
  seen: RotationFacts,
  changed: Partial<RotationContext> & { readonly direction?: Direction } = {},
): string {
  const { direction = 'Forward', ...context } = changed;
  const decision = decide(
    {
      ...{ spec: {}, state: { phase, direction, trust: undefined }, cas: pair, certificates: ['pem'] },
      ...{ isDeleted: false, overlapping: undefined, ...context },
    },
    seen,
  );
  if ('wait' in decision) return decision.wait.reason;
  if ('work' in decision) return decision.work;
  const { phase: to, direction: way, trust } = decision.next;
  return [to, ...(way === direction ? [] : [way]), ...(trust === undefined ? [] : [trust.state])].join(' ');
}

describe('decide', () => {
  const old = facts({ toReissue: group(10), untrusting: group(10) });

  test('goes through the phases, each only when the one before is verified', () => {
    assert.equal(next('Pending', facts()), 'NothingToReplace');
    assert.equal(next('Pending', old), 'Trust Add');
    assert.equal(next('Trust', old), 'TrustNotVerified');
    assert.equal(next('Trust', facts({ toReissue: group(10) })), 'Reissue Add');
    assert.equal(next('Reissue', facts({ toReissue: group(1) })), 'reissue');
    assert.equal(next('Reissue', facts()), 'Verify Add');
    assert.equal(next('Verify', facts()), 'Retire Remove');
    assert.equal(next('Retire', facts({ stillTrusting: group(1) })), 'RootNotRemoved');
    assert.equal(next('Retire', facts()), 'Completed');
  });

  test('a node that is silent or has not reported verifies nothing', () => {
    const silent = { unverifiedNodes: ['node-b'] };
    assert.equal(next('Trust', facts({ ...silent, toReissue: group(10) })), 'NodesNotReporting');
    for (const phase of ['Reissue', 'Verify', 'Retire'] as const)
      assert.equal(next(phase, facts(silent)), 'NodesNotReporting', phase);
    for (const phase of ['Pending', 'Trust', 'Reissue', 'Verify', 'Retire'] as const)
      assert.equal(next(phase, facts({ isSettled: false })), 'AwaitingReports', phase);
  });

  test('stops at a threshold and continues below it', () => {
    const failing = (count: number): RotationFacts => facts({ toReissue: group(5), failing: group(count) });
    assert.equal(next('Reissue', failing(1)), 'reissue');
    assert.equal(next('Reissue', failing(2)), 'TooManyFailures');
    assert.equal(next('Reissue', failing(2), { spec: { maxFailures: 2 } }), 'reissue');
    assert.equal(next('Verify', facts({ notLoaded: group(1) })), 'NotLoaded');
    assert.equal(
      next('Verify', facts({ notLoaded: group(1), served: 9 }), { spec: { maxNotLoaded: '10%' } }),
      'Retire Remove',
    );
    assert.equal(next('Verify', facts({ awaitingProbe: group(1) })), 'AwaitingProbes');
    assert.deepEqual([limitOf('5%', 10), limitOf('5%', 0), limitOf(-3, 10)], [1, 0, 0]);
  });

  test('holds in Reissue when a pod does not trust both CAs, and in Verify while others use the old one', () => {
    assert.equal(next('Reissue', facts({ toReissue: group(2), untrusting: group(1) })), 'TrustIncomplete');
    assert.equal(next('Verify', facts({ unselected: group(1) })), 'CaStillInUse');
    assert.equal(next('Verify', facts({ toReissue: group(1) })), 'Reissue Add');
  });

  test('adds the old root again when a certificate of it appears after its removal began', () => {
    assert.equal(next('Retire', facts({ toReissue: group(1) })), 'Trust Add');
    assert.equal(next('Retire', facts({ unselected: group(1) })), 'Trust Add');
  });

  test('a rollback adds trust first, from every phase, and ends without the new root', () => {
    const spec = { rollback: true };
    assert.equal(next('Pending', old, { spec }), 'RolledBack');
    for (const phase of ['Trust', 'Reissue', 'Verify', 'Retire'] as const)
      assert.equal(next(phase, facts(), { spec }), 'Trust Backward Add', phase);
    // Nothing was reissued, so no pod needs the root that is still missing in some files.
    assert.equal(next('Trust', facts({ untrusting: group(3) }), { spec, direction: 'Backward' }), 'Reissue Add');
    assert.equal(next('Retire', facts(), { spec, direction: 'Backward' }), 'RolledBack');
  });

  test('waits for operators, other rotations and the deletion', () => {
    const spec = { holdBefore: ['Reissue', 'Retire'] as ('Reissue' | 'Retire')[] };
    const trusted = facts({ toReissue: group(10) });
    assert.equal(next('Trust', trusted, { spec }), 'AwaitingApproval');
    assert.equal(next('Trust', trusted, { spec: { ...spec, approved: ['Reissue'] } }), 'Reissue Add');
    assert.equal(next('Verify', facts(), { spec: { ...spec, approved: ['Reissue'] } }), 'AwaitingApproval');
    assert.equal(next('Reissue', trusted, { spec: { suspend: true } }), 'Suspended');
    assert.equal(next('Pending', old, { overlapping: 'other' }), 'Overlapping');
    assert.equal(next('Trust', trusted, { overlapping: 'other' }), 'Overlapping');
    assert.equal(next('Reissue', trusted, { isDeleted: true }), 'Deleted');
  });
});

describe('trustProblem', () => {
  const trust = (state: 'Add' | 'Remove', remove: string[] = []) => ({
    ...{ certificates: ['a', 'b'], fingerprints: ['new', 'old'], state, remove },
  });
  const removal = trust('Remove', ['old']);

  test('allows the removal of a root only when nothing needs it', () => {
    assert.equal(trustProblem(removal, pair, facts()), undefined);
    assert.match(trustProblem(removal, pair, facts({ toReissue: group(1) })) ?? '', /1 volumes have a certificate/);
    assert.match(trustProblem(removal, pair, facts({ unselected: group(1) })) ?? '', /1 volumes have a certificate/);
    assert.match(trustProblem(removal, pair, facts({ withoutArriving: 2 })) ?? '', /2 volumes do not trust/);
    assert.match(trustProblem(removal, pair, facts({ unverifiedNodes: ['a', 'b'] })) ?? '', /a and 1 more nodes/);
    assert.match(trustProblem(removal, pair, facts({ isSettled: false })) ?? '', /may not have reported/);
    assert.match(trustProblem(trust('Remove', ['new']), pair, facts()) ?? '', /only roots of the replaced CA/);
  });

  test('allows to add both roots at any time, and never one alone', () => {
    const nothing = facts({ isSettled: false, unverifiedNodes: ['a'], toReissue: group(10) });
    assert.equal(trustProblem(trust('Add'), pair, nothing), undefined);
    assert.match(trustProblem({ ...trust('Add'), fingerprints: ['new'] }, pair, nothing) ?? '', /roots of both/);
  });

  test('allows the withdrawal of added roots only while one CA is in use', () => {
    assert.equal(trustProblem(undefined, pair, facts()), undefined);
    assert.equal(trustProblem(undefined, pair, facts({ toReissue: group(10) })), undefined);
    assert.match(trustProblem(undefined, pair, facts({ toReissue: group(4) })) ?? '', /both CAs are in use: 4 and 6/);
  });
});

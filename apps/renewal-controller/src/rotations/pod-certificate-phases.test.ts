import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BundleState, PodCertificateFacts, TrustedSigner } from './pod-certificate-facts.ts';
import type { RotationFacts, VolumeGroup } from './rotation-facts.ts';
import type { Direction, Phase } from './rotation-object.ts';
import { decide } from './rotation-phases.ts';
import type { RotationContext } from './rotation-phases.ts';
import { trustProblem } from './trust-invariant.ts';
import type { Wait } from './wait.ts';

const pair = { leaving: new Set(['old']), arriving: new Set(['new']) };
const none: VolumeGroup = { count: 0, first: [] };
const nowMs = Date.UTC(2026, 10, 30);
const hourMs = 3_600_000;

function signer(changed: Partial<TrustedSigner> = {}): TrustedSigner {
  const counts = { remaining: 0, reissued: 0, unknown: 0, lastLeavingMs: undefined, lastArrivingMs: undefined };
  const bundleName = 'example.com:internal:certfleet';
  return { name: 'example.com/internal', ...counts, bundle: 'Verified', bundleName, ...changed };
}

/** Ten pod certificates, all of the new CA. */
function pods(changed: Partial<PodCertificateFacts> = {}): PodCertificateFacts {
  return {
    ...{
      remaining: 0,
      reissued: 10,
      unknown: 0,
      refused: 0,
      refreshByMs: nowMs + hourMs,
      expireByMs: nowMs + 2 * hourMs,
    },
    ...{ awaited: [], byWorkload: new Map(), notFollowed: undefined, signers: [signer()], unknownLimit: 0 },
    ...{ deliveryMs: 300_000, nowMs, ...changed },
  };
}

/** A fleet with no volumes, or ten that have been reissued. */
function facts(podCertificates: PodCertificateFacts, changed: Partial<RotationFacts> = {}): RotationFacts {
  return {
    ...{ isSettled: true, unverifiedNodes: [], nodes: new Set<string>(), total: 0, untrusting: none },
    ...{ withoutArriving: 0, toReissue: none, unselected: none, byIssuer: new Map(), byFingerprint: new Map() },
    ...{ failing: none, notLoaded: none, awaitingProbe: none, served: 0, stillTrusting: none },
    ...{ podCertificates, ...changed },
  };
}

function decided(
  phase: Phase,
  seen: RotationFacts,
  { direction = 'Forward', ...spec }: RotationContext['spec'] & { readonly direction?: Direction } = {},
): { readonly text: string; readonly wait: Wait | undefined } {
  const decision = decide(
    {
      ...{ spec, state: { phase, direction, trust: undefined, phaseStartMs: nowMs - hourMs }, cas: pair },
      ...{ certificates: ['pem'], isDeleted: false, overlapping: undefined },
    },
    seen,
  );
  if ('wait' in decision) return { text: decision.wait.reason, wait: decision.wait };
  if ('work' in decision) return { text: decision.work, wait: undefined };
  return { text: `${decision.next.phase} ${decision.next.trust?.state ?? ''}`.trim(), wait: undefined };
}

const next = (...args: Parameters<typeof decided>): string => decided(...args).text;

describe('a rotation of pod certificates', () => {
  const old = pods({ remaining: 10, reissued: 0 });

  test('goes through the phases without any volume', () => {
    assert.equal(next('Pending', facts(pods())), 'NothingToReplace');
    assert.equal(next('Pending', facts(old)), 'Trust Add');
    assert.equal(next('Trust', facts(old)), 'Reissue Add');
    assert.equal(next('Reissue', facts(pods({ remaining: 1 }))), 'PodCertificatesNotRefreshed');
    assert.equal(next('Reissue', facts(pods())), 'Verify Add');
    assert.equal(next('Verify', facts(pods())), 'Retire Remove');
    assert.equal(next('Retire', facts(pods())), 'Completed');
  });

  test('begins to reissue only when the bundle of each signer name contains both roots', () => {
    const expected: Readonly<Record<BundleState, string>> = {
      Verified: 'Reissue Add',
      Confirmed: 'Reissue Add',
      Incomplete: 'TrustBundleIncomplete',
      Missing: 'TrustBundleMissing',
      NotVerifiable: 'TrustNotVerifiable',
      Unreadable: 'TrustBundleNotRead',
    };
    for (const [bundle, outcome] of Object.entries(expected) as [BundleState, string][]) {
      const signers = [
        signer(),
        signer({ name: 'example.com/two', bundleName: 'two', bundle, problem: 'lacks it', remaining: 1 }),
      ];
      const { text, wait } = decided('Trust', facts(pods({ remaining: 3, signers })));
      assert.equal(text, outcome);
      if (wait === undefined) continue;
      assert.match(wait.message, /example\.com\/two/);
      assert.deepEqual([wait.names, wait.mustHold], [['example.com/two'], true]);
      // Also later: nothing more is signed with the new CA.
      const volumes: VolumeGroup = { count: 5, first: [] };
      assert.equal(next('Reissue', facts(pods({ remaining: 3, signers }), { total: 5, toReissue: volumes })), outcome);
    }
    // Verifiers need the old root no more once no certificate has it.
    const incomplete = [signer({ bundle: 'Incomplete', reissued: 3 })];
    assert.equal(next('Verify', facts(pods({ signers: incomplete }))), 'Retire Remove');
    assert.equal(next('Trust', facts(pods({ remaining: 3, signers: incomplete }))), 'Reissue Add');
  });

  test('does not retire the old root while a pod has a certificate of it, or may have one', () => {
    assert.equal(next('Verify', facts(pods({ remaining: 1 }))), 'Reissue Add');
    assert.equal(next('Verify', facts(pods({ unknown: 2 }))), 'PodCertificatesUnknown');
    assert.equal(next('Verify', facts(pods({ unknown: 2, unknownLimit: 2 }))), 'Retire Remove');
    assert.equal(next('Retire', facts(pods({ remaining: 1 }))), 'Trust Add');
    assert.equal(next('Retire', facts(pods({ unknown: 1 }))), 'PodCertificatesUnknown');
    for (const phase of ['Trust', 'Reissue', 'Verify', 'Retire'] as const)
      assert.equal(next(phase, facts(pods({ notFollowed: 'loading' }))), 'PodCertificatesNotFollowed', phase);
    assert.equal(next('Pending', facts(pods({ notFollowed: 'loading' }))), 'PodCertificatesNotFollowed');
  });

  test('volumes are reissued while pods wait for their refresh', () => {
    const volumes: VolumeGroup = { count: 5, first: [] };
    assert.equal(next('Reissue', facts(old, { total: 5, toReissue: volumes })), 'reissue');
  });

  const waitOf = (changed: Partial<PodCertificateFacts>): Wait => {
    const { wait } = decided('Reissue', facts(pods({ remaining: 2, ...changed })));
    assert.ok(wait);
    return wait;
  };

  test('tells why certificates remain', () => {
    const refreshing = waitOf({});
    assert.deepEqual([refreshing.kind, refreshing.pods], ['progress', 2]);
    assert.match(refreshing.message, /2 pod certificates have .* until 2026-11-30T01:00:00Z at the latest/);
    const overdue = waitOf({ refreshByMs: nowMs - 180_001 });
    assert.deepEqual([overdue.reason, overdue.kind], ['PodCertificatesOverdue', 'problem']);
    const refused = waitOf({ refused: 1 });
    assert.deepEqual([refused.reason, refused.kind], ['PodCertificatesRefused', 'problem']);
  });

  test('names a signer that has signed with the old CA in this phase, and nothing with the new one since', () => {
    const behind = signer({ remaining: 2, lastLeavingMs: nowMs - hourMs / 2, lastArrivingMs: nowMs - hourMs });
    const notSwitched = waitOf({ signers: [behind] });
    assert.deepEqual([notSwitched.reason, notSwitched.names], ['SignerNotSwitched', [behind.name]]);
    const switched = { ...behind, lastArrivingMs: nowMs };
    assert.equal(waitOf({ signers: [switched] }).reason, 'PodCertificatesNotRefreshed');
    const before = { ...behind, lastLeavingMs: nowMs - 2 * hourMs, lastArrivingMs: undefined };
    assert.equal(waitOf({ signers: [before] }).reason, 'PodCertificatesNotRefreshed');
  });

  test('a rollback ends without the new root only when no pod has a certificate of it', () => {
    const back = { rollback: true, direction: 'Backward' } as const;
    assert.equal(next('Trust', facts(pods({ signers: [signer({ bundle: 'Missing' })] })), back), 'Reissue Add');
    assert.equal(
      next('Trust', facts(pods({ remaining: 1, signers: [signer({ bundle: 'Missing', remaining: 1 })] })), back),
      'TrustBundleMissing',
    );
    assert.equal(next('Reissue', facts(pods({ remaining: 1 })), back), 'PodCertificatesNotRefreshed');
    assert.equal(next('Retire', facts(pods()), back), 'RolledBack');
  });
});

describe('trustProblem with pod certificates', () => {
  const removal = { certificates: ['a', 'b'], fingerprints: ['new', 'old'], state: 'Remove' as const, remove: ['old'] };

  test('allows no removal of a root that a pod may need', () => {
    const problem = (changed: Partial<PodCertificateFacts>): string =>
      trustProblem(removal, pair, facts(pods(changed))) ?? '';
    assert.equal(problem({}), '');
    assert.match(problem({ remaining: 1 }), /1 pods have a certificate/);
    assert.match(problem({ unknown: 1 }), /1 pod certificates is not known/);
    assert.equal(problem({ unknown: 1, unknownLimit: 1 }), '');
    assert.match(problem({ notFollowed: 'Redis does not answer' }), /Redis does not answer/);
  });

  test('keeps added roots while volumes and pods have certificates of different CAs', () => {
    const withdrawal = (changed: Partial<PodCertificateFacts>, total = 10): string =>
      trustProblem(undefined, pair, facts(pods(changed), { total })) ?? '';
    assert.equal(withdrawal({}), '');
    assert.match(withdrawal({ remaining: 2 }), /both CAs are in use: 2 and 20/);
    assert.match(withdrawal({ unknown: 1 }), /not known/);
    // No CA file has an added root.
    assert.equal(withdrawal({ remaining: 2 }, 0), '');
  });
});

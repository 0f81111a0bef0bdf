import type { CaRotationSpec } from '../intent/kinds/ca-rotation-kind.ts';
import type { CaPair, RotationFacts, VolumeGroup } from './rotation-facts.ts';
import type { Direction, Phase, Trust } from './rotation-object.ts';
import { bundlesWait, followedWait, remainingWait, unknownWait } from './pod-certificate-phases.ts';
import { limitOf } from './threshold.ts';
import type { Wait } from './wait.ts';

/** The durable state of a rotation. */
export interface RotationState {
  readonly phase: Phase;
  readonly direction: Direction;
  readonly trust: Trust | undefined;
  /** When the phase began, by the clock of Redis. */
  readonly phaseStartMs?: number;
}

/** What the pure functions of a rotation know besides the facts. */
export interface RotationContext {
  readonly spec: Pick<
    CaRotationSpec,
    'suspend' | 'rollback' | 'holdBefore' | 'approved' | 'maxFailures' | 'maxNotLoaded' | 'requireServed'
  >;
  readonly state: RotationState;
  readonly cas: CaPair;
  /** Roots of both CAs, in PEM. */
  readonly certificates: readonly string[];
  readonly isDeleted: boolean;
  /** Another rotation of one of these CAs that goes first. */
  readonly overlapping: string | undefined;
}

/** The next durable state, or why there is none. */
export type Decision = { readonly next: RotationState } | { readonly wait: Wait } | { readonly work: 'reissue' };

/** Transitions that exist; a rollback and the return of a replaced CA lead back to Trust. */
export const transitions: Readonly<Record<Phase, readonly Phase[]>> = {
  Pending: ['Trust', 'RolledBack', 'Failed'],
  Trust: ['Trust', 'Reissue'],
  Reissue: ['Trust', 'Verify'],
  Verify: ['Trust', 'Reissue', 'Retire'],
  Retire: ['Trust', 'Completed', 'RolledBack'],
  Completed: [],
  RolledBack: [],
  Failed: [],
};

/** Decides one step of a rotation from what is durable and what the nodes report. Pure, so all replicas agree. */
export function decide(context: RotationContext, facts: RotationFacts): Decision {
  const { spec, state, isDeleted } = context;
  if (spec.suspend === true)
    return waits('Suspended', 'nothing is started until the resume', { kind: 'operator', mustHold: true });
  if (state.phase === 'Pending') return decidePending(context, facts);
  if (spec.rollback === true && state.direction === 'Forward') return moved(context, 'Trust', 'Add', 'Backward');
  if (isDeleted && state.direction === 'Forward')
    return waits('Deleted', 'the object remains until no pod needs the roots that the rotation has added', {
      kind: 'problem',
      mustHold: true,
    });
  if (!facts.isSettled) return waits('AwaitingReports', 'nodes report after a loss of Redis');
  const decideIn = byPhase[state.phase];
  return decideIn?.(context, facts) ?? waits('Finished', 'the rotation is finished');
}

const byPhase: Partial<Record<Phase, (context: RotationContext, facts: RotationFacts) => Decision>> = {
  Trust: decideTrust,
  Reissue: decideReissue,
  Verify: decideVerify,
  Retire: decideRetire,
};

function decidePending(context: RotationContext, facts: RotationFacts): Decision {
  if (context.spec.rollback === true) return { next: { ...context.state, phase: 'RolledBack' } };
  if (!facts.isSettled) return waits('AwaitingReports', 'nodes report after a loss of Redis');
  if (context.overlapping !== undefined) return overlaps(context.overlapping);
  if (!hasToReissue(facts)) {
    const text = facts.unselected.count > 0 ? 'no selected volume has' : 'no volume and no pod has';
    const nothing = waits('NothingToReplace', `${text} a certificate of the CA to be replaced`, { kind: 'problem' });
    return stop(followedWait(facts.podCertificates)) ?? nothing;
  }
  return moved(context, 'Trust', 'Add');
}

function decideTrust(context: RotationContext, facts: RotationFacts): Decision {
  if (context.overlapping !== undefined) return overlaps(context.overlapping);
  const isUnused = !hasToReissue(facts) && facts.unselected.count === 0;
  const mustTrust = context.state.direction === 'Forward' || !isUnused;
  if (mustTrust && facts.untrusting.count > 0)
    return waits('TrustNotVerified', `${volumes(facts.untrusting)} do not report the roots of both CAs yet`, {
      volumes: facts.untrusting,
      nodes: facts.unverifiedNodes,
      kind: 'reports',
    });
  return (
    nodesWait(facts) ??
    stop(followedWait(facts.podCertificates)) ??
    (mustTrust ? stop(bundlesWait(facts.podCertificates)) : undefined) ??
    approvalWait(context, 'Reissue') ??
    moved(context, 'Reissue', 'Add')
  );
}

function decideReissue(context: RotationContext, facts: RotationFacts): Decision {
  const { podCertificates } = facts;
  if (!hasToReissue(facts))
    return nodesWait(facts) ?? stop(followedWait(podCertificates)) ?? moved(context, 'Verify', 'Add');
  return (
    trustWait(facts) ??
    stop(bundlesWait(podCertificates)) ??
    (facts.toReissue.count > 0
      ? (failuresWait(context, facts) ?? { work: 'reissue' })
      : (stop(remainingWait(podCertificates, context.state.phaseStartMs)) ?? { work: 'reissue' }))
  );
}

function decideVerify(context: RotationContext, facts: RotationFacts): Decision {
  if (hasToReissue(facts)) return moved(context, 'Reissue', 'Add');
  return (
    servedWait(context, facts) ??
    nodesWait(facts) ??
    unselectedWait(facts) ??
    stop(followedWait(facts.podCertificates)) ??
    stop(unknownWait(facts.podCertificates)) ??
    approvalWait(context, 'Retire') ??
    moved(context, 'Retire', 'Remove')
  );
}

function decideRetire(context: RotationContext, facts: RotationFacts): Decision {
  // An issuer or signer has signed with the replaced CA again: nothing may be removed.
  if (hasToReissue(facts) || facts.unselected.count > 0) return moved(context, 'Trust', 'Add');
  if (facts.stillTrusting.count > 0)
    return waits('RootNotRemoved', `${volumes(facts.stillTrusting)} still report the replaced root`, {
      volumes: facts.stillTrusting,
      nodes: facts.unverifiedNodes,
      kind: 'reports',
    });
  const phase = context.state.direction === 'Forward' ? 'Completed' : 'RolledBack';
  return (
    nodesWait(facts) ??
    stop(followedWait(facts.podCertificates)) ??
    stop(unknownWait(facts.podCertificates)) ?? { next: { ...context.state, phase } }
  );
}

/** Whether a selected volume or a pod has a certificate of the CA to be replaced. */
function hasToReissue({ toReissue, podCertificates }: RotationFacts): boolean {
  return toReissue.count > 0 || (podCertificates?.remaining ?? 0) > 0;
}

function stop(wait: Wait | undefined): Decision | undefined {
  return wait && { wait };
}

function trustWait({ untrusting }: RotationFacts): Decision | undefined {
  if (untrusting.count === 0) return undefined;
  return waits('TrustIncomplete', `${volumes(untrusting)} no longer report the roots of both CAs`, {
    ...{ kind: 'problem', volumes: untrusting, mustHold: true },
  });
}

function failuresWait({ spec }: RotationContext, { failing, total }: RotationFacts): Decision | undefined {
  const limit = limitOf(spec.maxFailures ?? '5%', total);
  if (failing.count <= limit) return undefined;
  return waits('TooManyFailures', `the renewal of ${volumes(failing)} failed, more than maxFailures (${limit})`, {
    ...{ kind: 'problem', volumes: failing, mustHold: true },
  });
}

function servedWait({ spec }: RotationContext, facts: RotationFacts): Decision | undefined {
  const { notLoaded, awaitingProbe, served } = facts;
  const limit = limitOf(spec.maxNotLoaded ?? 0, notLoaded.count + awaitingProbe.count + served);
  if (notLoaded.count > limit)
    return waits(
      'NotLoaded',
      `the pods of ${volumes(notLoaded)} serve an earlier certificate, more than maxNotLoaded (${limit})`,
      { kind: 'problem', volumes: notLoaded },
    );
  if (awaitingProbe.count === 0) return undefined;
  return waits('AwaitingProbes', `the pods of ${volumes(awaitingProbe)} are not seen to serve their certificate yet`, {
    kind: 'reports',
    volumes: awaitingProbe,
  });
}

function unselectedWait({ unselected }: RotationFacts): Decision | undefined {
  if (unselected.count === 0) return undefined;
  return waits(
    'CaStillInUse',
    `${volumes(unselected)} outside of the selection still have a certificate of the CA to be replaced`,
    { kind: 'problem', volumes: unselected },
  );
}

function nodesWait({ unverifiedNodes }: RotationFacts): Decision | undefined {
  const { length } = unverifiedNodes;
  if (length === 0) return undefined;
  const text = length === 1 ? '1 node is silent or has' : `${length} nodes are silent or have`;
  return waits('NodesNotReporting', `${text} not reported all volumes`, { kind: 'reports', nodes: unverifiedNodes });
}

function approvalWait({ spec, state }: RotationContext, phase: 'Reissue' | 'Retire'): Decision | undefined {
  const isHeld = state.direction === 'Forward' && (spec.holdBefore ?? []).includes(phase);
  if (!isHeld || (spec.approved ?? []).includes(phase)) return undefined;
  return waits('AwaitingApproval', `the phase ${phase} starts when approved contains it`, { kind: 'operator' });
}

function overlaps(other: string): Decision {
  return waits('Overlapping', `the rotation ${other} of the same CA goes first`, { kind: 'operator' });
}

function moved(
  { state, cas, certificates }: RotationContext,
  phase: Phase,
  trustState: Trust['state'],
  direction = state.direction,
): Decision {
  const trust: Trust = {
    certificates: [...certificates],
    fingerprints: [...cas.leaving, ...cas.arriving].sort(),
    state: trustState,
    remove: trustState === 'Remove' ? [...cas.leaving] : [],
  };
  return { next: { phase, direction, trust } };
}

function waits(reason: string, message: string, more: Partial<Wait> = {}): Decision {
  return { wait: { kind: 'progress', ...more, reason, message } };
}

const volumes = ({ count }: VolumeGroup): string => (count === 1 ? '1 volume' : `${count} volumes`);

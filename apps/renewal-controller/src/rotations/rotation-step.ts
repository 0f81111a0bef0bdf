import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import { planReissue, planRetry } from './reissue-plan.ts';
import type { PlanInput, ReissuePlan } from './reissue-plan.ts';
import type { RotationCas } from './rotation-certificates.ts';
import type { CaPair, RotationFacts } from './rotation-facts.ts';
import { phaseOf } from './rotation-object.ts';
import type { Direction, RotationObject } from './rotation-object.ts';
import { decide } from './rotation-phases.ts';
import type { RotationContext, RotationState } from './rotation-phases.ts';
import type { Wait } from './wait.ts';
import { rotationStatus } from './rotation-status.ts';
import { assertTrustIsSafe } from './trust-invariant.ts';

export interface StepInput {
  readonly object: RotationObject;
  readonly cas: RotationCas;
  readonly facts: RotationFacts;
  /** Another rotation of one of these CAs that goes first. */
  readonly overlapping: string | undefined;
  /** The time of Redis. */
  readonly nowMs: number;
  readonly planning: Omit<PlanInput, 'status' | 'facts' | 'cas'>;
}

/** One step: the status to be stored, and what the stored status demands. */
export interface Step {
  readonly status: CaRotationStatus;
  readonly wait: Wait | undefined;
  /** Whether a phase begins. */
  readonly isNewPhase: boolean;
  /** Which Renewals of its rounds must be suspended: those with these numbers, all, or those that are now. */
  readonly held: ReadonlySet<number> | 'all' | 'unchanged';
}

/** The CA that leaves and the one that stays. */
export function caPairOf({ from, to }: Pick<RotationCas, 'from' | 'to'>, direction: Direction): CaPair {
  const [leaving, arriving] = direction === 'Forward' ? [from, to] : [to, from];
  return { leaving: new Set(leaving), arriving: new Set(arriving) };
}

export function stateOf(object: RotationObject): RotationState {
  const { status } = object;
  const phaseStartMs = Date.parse(status?.phaseStartTime ?? '');
  return {
    phase: phaseOf(object),
    direction: status?.direction ?? 'Forward',
    trust: status?.trust,
    ...(!Number.isNaN(phaseStartMs) && { phaseStartMs }),
  };
}

/**
 * Computes one step of a rotation. Pure: whoever stores its status first, with the version of the object that it was
 * computed from, takes the step; all others see the result.
 * @throws CertfleetError failed-precondition if the step would leave a pod without trust for a certificate in use
 */
export function rotationStep(input: StepInput): Step {
  const { object, cas, facts, overlapping, nowMs } = input;
  const state = stateOf(object);
  const pair = caPairOf(cas, state.direction);
  const context: RotationContext = {
    spec: object.spec,
    state,
    cas: pair,
    certificates: cas.certificates,
    isDeleted: object.metadata.deletionTimestamp !== undefined,
    overlapping,
  };
  const decision = decide(context, facts);
  if ('next' in decision) {
    const { next } = decision;
    if (next.trust !== undefined && next.trust !== state.trust) assertTrustIsSafe(next.trust, pair, facts);
    const status = rotationStatus(object, { state: next, facts, wait: undefined, nowMs });
    return { status, wait: undefined, isNewPhase: true, held: 'unchanged' };
  }
  const plan = planOf(input, pair, 'wait' in decision ? decision.wait : undefined);
  const wait = 'wait' in decision ? decision.wait : plan?.wait;
  const status = rotationStatus(object, { state, facts, wait, nowMs, ...(plan && { plan }) });
  return { status, wait, isNewPhase: false, held: plan?.held ?? (wait?.mustHold === true ? 'all' : 'unchanged') };
}

function planOf({ object, facts, planning }: StepInput, cas: CaPair, wait: Wait | undefined): ReissuePlan | undefined {
  if (phaseOf(object) !== 'Reissue') return undefined;
  const input = { ...planning, status: object.status ?? {}, facts, cas };
  if (wait === undefined) return planReissue(input);
  return wait.reason === 'TooManyFailures' ? planRetry(input) : undefined;
}

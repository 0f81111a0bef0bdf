import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import type { CaRotationStatus } from '../intent/kinds/ca-rotation-kind.ts';
import { updatedConditions } from '../renewals/renewal-conditions.ts';
import type { WantedCondition } from '../renewals/renewal-conditions.ts';
import { podCertificateStatus } from './pod-certificate-status.ts';
import type { ReissuePlan } from './reissue-plan.ts';
import type { RotationFacts } from './rotation-facts.ts';
import { isFinished } from './rotation-object.ts';
import type { Phase, RotationObject } from './rotation-object.ts';
import type { RotationState } from './rotation-phases.ts';
import type { Wait } from './wait.ts';

export interface StatusParts {
  readonly state: RotationState;
  readonly facts: RotationFacts | undefined;
  readonly wait: Wait | undefined;
  /** Undefined: the rounds stay as they are. */
  readonly plan?: ReissuePlan;
  /** Why the rotation failed. */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** The time of Redis; shown, no decision depends on it alone. */
  readonly nowMs: number;
}

const maxNamed = 20;
const maxMessage = 1_024;
const maxNodes = 20_000;

type Counts = NonNullable<CaRotationStatus['counts']>;

/** The status of a rotation after a step. */
export function rotationStatus(object: RotationObject, parts: StatusParts): CaRotationStatus {
  const { metadata, status = {} } = object;
  const { state, facts, wait, nowMs } = parts;
  const { phase, direction, trust } = state;
  const now = isoSeconds(nowMs);
  const counts = facts === undefined ? status.counts : countsOf(facts, wait);
  const { generation } = metadata;
  const isNewDirection = status.direction !== undefined && status.direction !== direction;
  const position = { phase, isNewDirection };
  const podCertificates = podCertificateStatus(status.podCertificates, facts?.podCertificates, position);
  return {
    ...without(status, ['waitingFor', 'blocking', 'rounds', 'issuers', 'progress', 'trust', 'podCertificates']),
    observedGeneration: generation,
    ...{ phase, direction },
    ...(trust && { trust }),
    ...(counts && { counts, progress: progressOf(phase, counts) }),
    ...(wait && { waitingFor: wait.reason, blocking: blockingOf(wait) }),
    ...(phase === 'Reissue' && roundFields(status, parts)),
    ...(podCertificates && { podCertificates }),
    ...(facts && { nodes: nodesOf(status, facts) }),
    ...timeFields(status, state, now),
    conditions: updatedConditions(status.conditions ?? [], conditionsOf(parts, { counts, podCertificates }), {
      generation,
      now,
    }),
  };
}

/** What is in progress in the phase Reissue. */
function roundFields(status: CaRotationStatus, { plan }: StatusParts): CaRotationStatus {
  const { rounds = [], issuers = [], nextRound = 1 } = plan ?? status;
  return {
    ...(rounds.length > 0 && { rounds: [...rounds] }),
    ...(issuers.length > 0 && { issuers: [...issuers] }),
    nextRound,
  };
}

function timeFields(status: CaRotationStatus, { phase, direction }: RotationState, now: string): CaRotationStatus {
  const isNewPhase = status.phase !== phase || status.direction !== direction;
  return {
    ...(status.startTime === undefined && phase === 'Trust' && { startTime: now }),
    ...(isNewPhase && { phaseStartTime: now }),
    ...(isFinished({ status: { phase } }) && { completionTime: status.completionTime ?? now, nodes: [] }),
  };
}

function countsOf(facts: RotationFacts, wait: Wait | undefined): Counts {
  const { total, untrusting, toReissue, unselected, served, notLoaded, failing, stillTrusting } = facts;
  return {
    total,
    trusted: total - untrusting.count,
    reissued: total - toReissue.count - unselected.count,
    served,
    notLoaded: notLoaded.count,
    failing: failing.count,
    retired: total - stillTrusting.count,
    blocked: wait?.volumes?.count ?? wait?.pods ?? 0,
  };
}

function progressOf(phase: Phase, counts: Counts): string {
  const { total } = counts;
  const done: Readonly<Record<Phase, number>> = {
    Pending: 0,
    Trust: counts.trusted,
    Reissue: counts.reissued,
    Verify: counts.reissued - counts.notLoaded,
    Retire: counts.retired,
    Completed: counts.retired,
    RolledBack: counts.retired,
    Failed: 0,
  };
  return `${done[phase]}/${total}`;
}

function blockingOf({ volumes, nodes = [], issuers = [] }: Wait): NonNullable<CaRotationStatus['blocking']> {
  return {
    volumes: (volumes?.first ?? []).slice(0, maxNamed).map(blockedVolume),
    nodes: nodes.slice(0, maxNamed),
    issuers: issuers.slice(0, maxNamed),
  };
}

function blockedVolume({ node, volumeId, namespace, pod, failure }: IndexedVolume) {
  return { node, volumeId, namespace, pod, ...(failure && { message: failure.message.slice(0, 512) }) };
}

/** A node that has no volumes of these CAs any more, and has reported, need not be awaited. */
function nodesOf({ nodes = [] }: CaRotationStatus, facts: RotationFacts): string[] {
  const unverified = new Set(facts.unverifiedNodes);
  const awaited = nodes.filter((node) => unverified.has(node) || !facts.isSettled);
  return [...new Set([...facts.nodes, ...awaited])].sort().slice(0, maxNodes);
}

/** What a phase does, for the condition `Reconciling`. */
const phaseTexts: Readonly<Partial<Record<Phase, (counts: Counts) => string>>> = {
  Trust: ({ trusted, total }) => `${trusted} of ${total} CA files contain the roots of both CAs`,
  Reissue: ({ reissued, total }) => `${reissued} of ${total} volumes have a certificate of the new CA`,
  Verify: ({ served, notLoaded }) => `${served} probed pods serve their certificate, ${notLoaded} an earlier one`,
  Retire: ({ retired, total }) => `the replaced root has left ${retired} of ${total} CA files`,
};

/** What the status counts. */
interface Counted {
  readonly counts: Counts | undefined;
  readonly podCertificates: CaRotationStatus['podCertificates'];
}

function conditionsOf({ state, wait, failure }: StatusParts, counted: Counted): WantedCondition[] {
  const { phase } = state;
  if (failure !== undefined) return failedConditions(phase, failure);
  const { reason = phase, kind = 'progress' } = wait ?? {};
  const message = messageOf(phase, wait, counted);
  const isSuspended = reason === 'Suspended';
  const kstatus = isFinished({ status: { phase } }) ? undefined : kstatusTypes[kind];
  return [
    condition('Complete', isFinished({ status: { phase } }), phase, message),
    condition('Failed', false, phase, ''),
    condition('Suspended', isSuspended, isSuspended ? reason : 'NotSuspended', isSuspended ? message : ''),
    ...(kstatus === undefined ? [] : [condition(kstatus, true, reason, message)]),
  ];
}

function messageOf(phase: Phase, wait: Wait | undefined, { counts, podCertificates }: Counted): string {
  const progress = counts === undefined ? undefined : phaseTexts[phase]?.(counts);
  const pods = podCertificates === undefined ? undefined : podText(podCertificates);
  const texts = [doneTexts[phase], wait?.message, progress, pods].filter((text) => text !== undefined);
  return texts.join('; ').slice(0, maxMessage);
}

function podText({ reissued, total, unknown }: NonNullable<Counted['podCertificates']>): string {
  const known = `${reissued} of ${total} pod certificates have the new CA`;
  return unknown === 0 ? known : `${known}, and that of ${unknown} is not known`;
}

/** The condition of kstatus (Flux, Argo CD) for each kind of wait; none while an operator has to decide. */
const kstatusTypes = {
  progress: 'Reconciling',
  reports: 'Reconciling',
  problem: 'Stalled',
  operator: undefined,
} as const;

function failedConditions(phase: Phase, failure: NonNullable<StatusParts['failure']>): WantedCondition[] {
  const { reason, message } = failure;
  return [
    condition('Complete', false, phase, ''),
    condition('Failed', true, reason, message),
    condition('Suspended', false, 'NotSuspended', ''),
    condition('Stalled', true, reason, message),
  ];
}

const doneTexts: Readonly<Partial<Record<Phase, string>>> = {
  Completed: 'every volume and pod has a certificate of the new CA, and the replaced root has left the CA files',
  RolledBack: 'the replaced CA is in use again, and the new root has left the CA files',
};

function condition(type: string, isTrue: boolean, reason: string, message: string): WantedCondition {
  return { type, status: isTrue ? 'True' : 'False', reason, message };
}

function without<Name extends keyof CaRotationStatus>(
  status: CaRotationStatus,
  names: readonly Name[],
): Omit<CaRotationStatus, Name> {
  const left = { ...status };
  for (const name of names) Reflect.deleteProperty(left, name);
  return left;
}

/** Kubernetes shows times in seconds. */
function isoSeconds(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19)}Z`;
}

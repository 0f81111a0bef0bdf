import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { FleetStats } from '../fleet-index/view/fleet-stats.ts';
import type { StatusOf } from '../intent/intent-kinds.ts';
import type { Condition } from '../intent/intent-object.ts';
import { IssuerPattern, isUsablePattern } from '@certfleet/fleet-model/lanes/issuer-pattern.ts';
import { patternsOf } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import { podCertificateShare } from '../lanes/lane-depth.ts';
import type { LaneState } from '../lanes/lane-state.ts';
import { conditionOf } from './lane-rules.ts';
import type { LanePolicyObject } from './lane-rules.ts';

export type LanePolicyStatus = StatusOf<'LanePolicy'>;

const maxIssuers = 20;
const maxErrorLength = 1_024;

export interface LanePolicyFacts {
  /** All lanes of the fleet, by key. */
  readonly lanes: ReadonlyMap<string, LaneState>;
  readonly stats: FleetStats;
  /** Why the policy does not apply; undefined if it does. */
  readonly problem: string | undefined;
  readonly nowMs: number;
}

/** The status of a policy, from the lanes whose issuers it matches. */
export function lanePolicyStatus(object: LanePolicyObject, facts: LanePolicyFacts): LanePolicyStatus {
  const { lanes, stats } = facts;
  const patterns = patternsOf(object)
    .filter(isUsablePattern)
    .map((pattern) => new IssuerPattern(pattern));
  const keys = [...lanes.keys()].filter((key) => patterns.some((pattern) => pattern.matches(key))).sort();
  const states = keys.flatMap((key) => lanes.get(key) ?? []);
  const sum = (valueOf: (state: LaneState) => number): number => states.reduce((total, one) => total + valueOf(one), 0);
  const lastError = lastErrorOf(states);
  return {
    observedGeneration: object.metadata.generation,
    conditions: conditionsOf(object, facts).map((condition) => ({ ...condition })),
    lanes: states.length,
    pausedLanes: states.filter(({ paused }) => paused !== undefined).length,
    issuers: keys.slice(0, maxIssuers),
    volumes: keys.reduce((total, key) => total + (stats.issuers.get(key)?.volumes ?? 0), 0),
    waiting: sum((state) => state.queued + state.blocked + (podCertificateShare(state, facts.nowMs)?.waiting ?? 0)),
    inFlight: sum(({ inFlight }) => inFlight),
    pacePercent: Math.round(100 * Math.min(1, ...states.map(({ pace }) => pace))),
    ...(lastError && { lastError }),
  };
}

function lastErrorOf(states: readonly LaneState[]): LanePolicyStatus['lastError'] {
  const failed = states.flatMap((state) => (state.lastError === undefined ? [] : [{ ...state.lastError, state }]));
  const last = failed.reduce<(typeof failed)[number] | undefined>(
    (latest, one) => (latest === undefined || one.atMs > latest.atMs ? one : latest),
    undefined,
  );
  if (last === undefined) return undefined;
  const message = last.message.slice(0, maxErrorLength);
  return { issuer: issuerKey(last.state.issuer), time: new Date(last.atMs).toISOString(), message };
}

/** Ready: the policy applies. Paused: it pauses its lanes. */
function conditionsOf(object: LanePolicyObject, { problem, nowMs }: LanePolicyFacts): readonly Condition[] {
  const { paused, pausedBy, pauseReason } = object.spec;
  const ready =
    problem === undefined
      ? ({ status: 'True', reason: 'Applied', message: 'The policy applies on every replica' } as const)
      : ({ status: 'False', reason: 'InvalidSpec', message: problem } as const);
  const by = pausedBy === undefined ? '' : ` (${pausedBy})`;
  const pause =
    paused === true
      ? ({ status: 'True', reason: 'Requested', message: `${pauseReason ?? ''}${by}` } as const)
      : ({ status: 'False', reason: 'NotRequested', message: 'The policy does not pause its lanes' } as const);
  return [
    withTransition(object, { type: 'Ready', ...ready }, nowMs),
    withTransition(object, { type: 'Paused', ...pause }, nowMs),
  ];
}

function withTransition(
  object: LanePolicyObject,
  condition: Pick<Condition, 'type' | 'status' | 'reason' | 'message'>,
  nowMs: number,
): Condition {
  const previous = conditionOf(object, condition.type);
  const isSame = previous?.status === condition.status;
  return {
    ...condition,
    observedGeneration: object.metadata.generation,
    lastTransitionTime: isSame ? previous.lastTransitionTime : new Date(nowMs).toISOString(),
  };
}

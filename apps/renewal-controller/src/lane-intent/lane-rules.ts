import { isPausing, laneRules as rulesOf } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import type { CheckedRule } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import type { ObjectOf, SpecOf } from '../intent/intent-kinds.ts';
import type { Condition } from '../intent/intent-object.ts';
import type { LanePause } from '../lanes/lane-state.ts';

export type LanePolicyObject = ObjectOf<'LanePolicy'>;

/** Rules of LanePolicies in the order in which later ones win. */
export function laneRules(objects: readonly LanePolicyObject[]): readonly CheckedRule<LanePause>[] {
  return rulesOf(objects, pauseOf);
}

export function conditionOf({ status }: LanePolicyObject, type: string): Condition | undefined {
  const conditions: unknown = status?.conditions;
  return Array.isArray(conditions)
    ? (conditions as Condition[]).find((condition) => condition.type === type)
    : undefined;
}

function pauseOf(object: LanePolicyObject): LanePause | undefined {
  const { metadata, spec } = object;
  if (!isPausing(object)) return undefined;
  const condition = conditionOf(object, 'Paused');
  const since = spec.pausedAt ?? (condition?.status === 'True' ? condition.lastTransitionTime : undefined);
  const atMs = Date.parse(since ?? metadata.creationTimestamp);
  return {
    by: textOr(spec.pausedBy, 'an unknown user'),
    reason: textOr(spec.pauseReason, 'no reason given'),
    atMs: Number.isFinite(atMs) ? atMs : 0,
    policy: metadata.name,
  };
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

/** The fields of a LanePolicy that pause; removed by a resume. */
export const noPause = { paused: false, pauseReason: null, pausedBy: null, pausedAt: null } as const;

export type RequestedPause = Omit<LanePause, 'policy'>;

/** The fields of a LanePolicy that pause. */
export function pauseFields(
  pause: RequestedPause,
): Pick<SpecOf<'LanePolicy'>, 'paused' | 'pauseReason' | 'pausedBy' | 'pausedAt'> {
  return {
    paused: true,
    pauseReason: pause.reason.slice(0, 512),
    pausedBy: pause.by.slice(0, 256),
    pausedAt: new Date(pause.atMs).toISOString(),
  };
}

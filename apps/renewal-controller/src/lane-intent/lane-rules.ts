import type { ObjectOf, SpecOf } from '../intent/intent-kinds.ts';
import type { Condition } from '../intent/intent-object.ts';
import { specProblems } from '../intent/parse-intent.ts';
import type { LaneRule } from '../lanes/lane-policies.ts';
import type { LanePause } from '../lanes/lane-state.ts';

export type LanePolicyObject = ObjectOf<'LanePolicy'>;

/** A rule, and what is wrong with its policy, in which case it only pauses. */
interface CheckedRule {
  readonly rule: LaneRule;
  readonly problem: string | undefined;
}

/** Rules of LanePolicies in the order in which later ones win: by precedence, then by name. */
export function laneRules(objects: readonly LanePolicyObject[]): readonly CheckedRule[] {
  return objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => {
      const byPrecedence = precedenceOf(a) - precedenceOf(b);
      return byPrecedence === 0 ? (a.metadata.name < b.metadata.name ? -1 : 1) : byPrecedence;
    })
    .map(laneRule);
}

export function precedenceOf({ spec }: LanePolicyObject): number {
  const precedence: unknown = spec.precedence;
  return typeof precedence === 'number' ? precedence : 0;
}

/** The patterns of a policy; an object that an earlier schema or an edited file allowed may have others than texts. */
export function patternsOf({ spec }: LanePolicyObject): readonly string[] {
  const issuers: unknown = spec.issuers;
  return Array.isArray(issuers) ? issuers.filter((issuer) => typeof issuer === 'string') : [];
}

/** The condition of that type in the status. */
export function conditionOf({ status }: LanePolicyObject, type: string): Condition | undefined {
  const conditions: unknown = status?.conditions;
  return Array.isArray(conditions)
    ? (conditions as Condition[]).find((condition) => condition.type === type)
    : undefined;
}

/** The fields of a LanePolicy that are no limits. */
const otherFields: ReadonlySet<string> = new Set<keyof SpecOf<'LanePolicy'>>([
  'issuers',
  'precedence',
  'paused',
  'pauseReason',
  'pausedBy',
  'pausedAt',
]);

function laneRule(object: LanePolicyObject): CheckedRule {
  const { metadata, spec } = object;
  const [problem] = specProblems('LanePolicy', spec);
  const limits = problem === undefined ? Object.entries(spec).filter(([field]) => !otherFields.has(field)) : [];
  const policy = Object.fromEntries(limits);
  return { rule: { name: metadata.name, issuers: patternsOf(object), policy, pause: pauseOf(object) }, problem };
}

function pauseOf(object: LanePolicyObject): LanePause | undefined {
  const { metadata, spec } = object;
  if (spec.paused !== true) return undefined;
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

/** The fields of a LanePolicy that pause. */
export function pauseFields(
  pause: LanePause,
): Pick<SpecOf<'LanePolicy'>, 'paused' | 'pauseReason' | 'pausedBy' | 'pausedAt'> {
  return {
    paused: true,
    pauseReason: pause.reason.slice(0, 512),
    pausedBy: pause.by.slice(0, 256),
    pausedAt: new Date(pause.atMs).toISOString(),
  };
}

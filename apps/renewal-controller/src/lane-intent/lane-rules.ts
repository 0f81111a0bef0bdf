import type { ObjectOf, SpecOf } from '../intent/intent-kinds.ts';
import type { LaneRule } from '../lanes/lane-policies.ts';
import type { LanePause } from '../lanes/lane-state.ts';

export type LanePolicyObject = ObjectOf<'LanePolicy'>;

const unknownUser = 'an unknown user';

/** Rules of LanePolicies in the order in which later ones win: by precedence, then by name. */
export function laneRules(objects: readonly LanePolicyObject[]): readonly LaneRule[] {
  return objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => {
      const byPrecedence = (a.spec.precedence ?? 0) - (b.spec.precedence ?? 0);
      return byPrecedence === 0 ? (a.metadata.name < b.metadata.name ? -1 : 1) : byPrecedence;
    })
    .map(laneRule);
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

function laneRule(object: LanePolicyObject): LaneRule {
  const { metadata, spec } = object;
  const policy = Object.fromEntries(Object.entries(spec).filter(([field]) => !otherFields.has(field)));
  return { name: metadata.name, issuers: spec.issuers, policy, pause: pauseOf(object) };
}

function pauseOf({ metadata, spec, status }: LanePolicyObject): LanePause | undefined {
  if (spec.paused !== true) return undefined;
  const condition = status?.conditions?.find(({ type }) => type === 'Paused');
  const since = spec.pausedAt ?? (condition?.status === 'True' ? condition.lastTransitionTime : undefined);
  const atMs = Date.parse(since ?? metadata.creationTimestamp);
  return {
    by: spec.pausedBy ?? unknownUser,
    reason: spec.pauseReason ?? 'no reason given',
    atMs: Number.isFinite(atMs) ? atMs : 0,
    policy: metadata.name,
  };
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

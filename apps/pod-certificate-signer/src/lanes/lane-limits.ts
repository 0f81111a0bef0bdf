import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { isPausing, laneRules, LaneRuleSet, mergedLimits } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import type { LanePolicySource } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import type { LaneLimits } from '../signing/paced-lane.ts';

/** The part of a LanePolicy that the signer uses. */
export type LanePolicyObject = LanePolicySource;

/** The key of a PodCertificateSigner's lane, in the form of the keys of issuers. */
export const laneKeyOf = (signer: string): string => `PodCertificateSigner.certfleet.io//${signer}`;

/** Reads a LanePolicy of the API server; undefined if it is none. */
export function parseLanePolicy(raw: unknown): LanePolicyObject | undefined {
  const { metadata, spec } = (raw ?? {}) as { readonly metadata?: ObjectMeta; readonly spec?: unknown };
  const { name, deletionTimestamp } = metadata ?? {};
  if (name === undefined || spec === undefined) return undefined;
  return { metadata: { name, ...(deletionTimestamp !== undefined && { deletionTimestamp }) }, spec };
}

/** The limits of lanes by the LanePolicies. One pausing policy is enough. */
export class LaneLimitTable {
  /** Undefined until the policies are loaded: a pause may be among them. */
  #rules: LaneRuleSet<true> | undefined;
  readonly #cache = new Map<string, LaneLimits>();

  /**
   * Replaces the policies.
   * @returns what is wrong with policies, by name: these only pause
   */
  set(objects: readonly LanePolicyObject[]): ReadonlyMap<string, string> {
    const rules = laneRules(objects, (object) => (isPausing(object) ? true : undefined));
    this.#rules = new LaneRuleSet(rules.map(({ rule }) => rule));
    this.#cache.clear();
    return new Map(rules.flatMap(({ rule, problem }) => (problem === undefined ? [] : [[rule.name, problem]])));
  }

  /** The limits of a lane; the same object until the policies change. */
  of(key: string): LaneLimits {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const matching = this.#rules?.of(key) ?? [];
    const policy = mergedLimits(defaultLanePolicy, matching);
    const isPaused = this.#rules === undefined || matching.some(({ pause }) => pause === true);
    const limits = { policy, windows: new RenewalWindows(policy.windows), isPaused };
    this.#cache.set(key, limits);
    return limits;
  }
}

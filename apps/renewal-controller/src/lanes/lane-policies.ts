import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { IssuerPattern } from '@certfleet/fleet-model/lanes/issuer-pattern.ts';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import type { LaneOverride, LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { checkLimits } from '@certfleet/fleet-model/lanes/lane-policy-limits.ts';
import { LaneRuleSet, mergedLimits } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import type { LaneRule } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import { laneIdOf } from './lane-id.ts';
import type { LanePause } from './lane-state.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';

/** The lane of one issuer with its compiled policy. */
export interface Lane {
  /** Identifies the lane's Redis keys. */
  readonly id: string;
  readonly issuer: IssuerName;
  readonly policy: LanePolicy;
  readonly windows: RenewalWindows;
  /** Why no renewal of the lane starts; undefined if none of its rules pauses it. */
  readonly pause: LanePause | undefined;
}

/** Number of cached lanes; bounded, because issuer names come from nodes. */
const maxKept = 20_000;

interface Rule {
  readonly pattern: IssuerPattern;
  readonly policy: Partial<LanePolicy>;
}

/** The policy of each issuer: the defaults, then every override whose pattern matches, in order, then every rule. */
export class LanePolicies {
  readonly #defaults: LanePolicy;
  readonly #rules: readonly Rule[];
  #objects = new LaneRuleSet<LanePause>([]);
  readonly #lanes = new Map<string, Lane>();

  /** Throws invalid-argument for an invalid policy at startup, not at the first renewal. */
  constructor(defaults: Partial<LanePolicy> = {}, overrides: readonly LaneOverride[] = []) {
    checkLimits('the defaults', defaults);
    this.#defaults = { ...defaultLanePolicy, ...defaults };
    this.#rules = overrides.map(({ issuer, policy }) => {
      checkLimits(issuer, policy);
      return { pattern: new IssuerPattern(issuer), policy };
    });
  }

  /** Replaces the rules, of which later ones win, field by field; any of them may pause. */
  setRules(rules: readonly LaneRule<LanePause>[]): void {
    this.#objects = new LaneRuleSet(rules);
    this.#lanes.clear();
  }

  /** Returns the same object for the same issuer, until the rules change. */
  laneOf(issuer: IssuerName): Lane {
    const key = issuerKey(issuer);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const matching = this.#rules.filter(({ pattern }) => pattern.matches(key));
    const objects = this.#objects.of(key);
    const policy = mergedLimits(this.#defaults, [...matching, ...objects]);
    const pause = objects.findLast((rule) => rule.pause !== undefined)?.pause;
    const lane = { id: laneIdOf(issuer), issuer, policy, windows: new RenewalWindows(policy.windows), pause };
    if (this.#lanes.size >= maxKept) this.#lanes.clear();
    this.#lanes.set(key, lane);
    return lane;
  }

  /** The pauses of all rules that match an issuer. */
  pausesOf(issuer: IssuerName): readonly LanePause[] {
    return this.#objects.of(issuerKey(issuer)).flatMap(({ pause }) => pause ?? []);
  }

  /** Drops the cached lanes of issuers that no volume names any more. */
  keepOnly(issuerKeys: ReadonlySet<string>): void {
    for (const key of this.#lanes.keys()) if (!issuerKeys.has(key)) this.#lanes.delete(key);
  }
}

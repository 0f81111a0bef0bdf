import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { IssuerPattern } from '@certfleet/fleet-model/lanes/issuer-pattern.ts';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import type { LaneOverride, LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
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

/** Limits and pause of the issuers that any of the patterns matches. */
export interface LaneRule {
  readonly name: string;
  readonly issuers: readonly string[];
  readonly policy: Partial<LanePolicy>;
  readonly pause: LanePause | undefined;
}

/** Number of cached lanes; bounded, because issuer names come from nodes. */
const maxKept = 20_000;

interface Rule {
  readonly pattern: IssuerPattern;
  readonly policy: Partial<LanePolicy>;
}

/** Rules by issuer: most name one issuer, and thousands of them must not slow down the search. */
class RuleSet {
  readonly #rules: readonly LaneRule[];
  readonly #exact = new Map<string, number[]>();
  readonly #patterns: { readonly at: number; readonly pattern: IssuerPattern }[] = [];

  constructor(rules: readonly LaneRule[]) {
    this.#rules = rules;
    for (const [at, { issuers }] of rules.entries()) {
      for (const issuer of issuers) {
        if (issuer.includes('*')) this.#patterns.push({ at, pattern: new IssuerPattern(issuer) });
        else this.#exact.set(issuer, [...(this.#exact.get(issuer) ?? []), at]);
      }
    }
  }

  /** The matching rules, in their order. */
  of(key: string): readonly LaneRule[] {
    const matching = this.#patterns.filter(({ pattern }) => pattern.matches(key)).map(({ at }) => at);
    const all = new Set([...(this.#exact.get(key) ?? []), ...matching]);
    return [...all].sort((a, b) => a - b).flatMap((at) => this.#rules[at] ?? []);
  }
}

/** The policy of each issuer: the defaults, then every override whose pattern matches, in order, then every rule. */
export class LanePolicies {
  readonly #defaults: LanePolicy;
  readonly #rules: readonly Rule[];
  #objects = new RuleSet([]);
  readonly #lanes = new Map<string, Lane>();

  /** Throws invalid-argument for an invalid policy at startup, not at the first renewal. */
  constructor(defaults: Partial<LanePolicy> = {}, overrides: readonly LaneOverride[] = []) {
    this.#defaults = checked('the defaults', { ...defaultLanePolicy, ...defaults });
    refuseUnknown('the defaults', defaults);
    this.#rules = overrides.map(({ issuer, policy }) => {
      refuseUnknown(issuer, policy);
      checked(issuer, { ...this.#defaults, ...policy });
      return { pattern: new IssuerPattern(issuer), policy };
    });
  }

  /** Replaces the rules, of which later ones win, field by field; any of them may pause. */
  setRules(rules: readonly LaneRule[]): void {
    this.#objects = new RuleSet(rules);
    this.#lanes.clear();
  }

  /** What is wrong with a rule; undefined if it is valid. */
  problemOf({ name, issuers, policy }: LaneRule): string | undefined {
    try {
      refuseUnknown(name, policy);
      checked(name, { ...this.#defaults, ...policy });
      for (const issuer of issuers) new IssuerPattern(issuer);
      return undefined;
    } catch (thrown) {
      return asCertfleetError(thrown).message;
    }
  }

  /** Returns the same object for the same issuer, until the rules change. */
  laneOf(issuer: IssuerName): Lane {
    const key = issuerKey(issuer);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const matching = this.#rules.filter(({ pattern }) => pattern.matches(key));
    const objects = this.#objects.of(key);
    const layers = [...matching, ...objects];
    const policy = layers.reduce<LanePolicy>((under, rule) => ({ ...under, ...rule.policy }), this.#defaults);
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

const bounds: Readonly<Record<Exclude<keyof LanePolicy, 'windows' | 'backoff'>, readonly [number, number]>> = {
  ratePerSecond: [0, 100_000],
  burst: [1, 100_000],
  maxInFlight: [1, 1_000_000],
  answerTimeoutMs: [1_000, 86_400_000],
  jitter: [0, 0.5],
  maxJitterMs: [0, 30 * 86_400_000],
  priority: [0, 9],
};

/** A misspelt field would silently disable a limit. */
function refuseUnknown(name: string, policy: Partial<LanePolicy>): void {
  const known = Object.keys(defaultLanePolicy);
  const unknown = Object.keys(policy).filter((field) => !known.includes(field));
  if (unknown.length === 0) return;
  const message = `lane policy of ${name}: unknown field ${unknown.join(', ')}, expected one of ${known.join(', ')}`;
  throw new CertfleetError('invalid-argument', message);
}

function checked(name: string, policy: LanePolicy): LanePolicy {
  const { threshold, initialMs, maxMs } = policy.backoff;
  const problems = Object.entries(bounds).flatMap(([field, [from, to]]) => {
    const value = policy[field as keyof typeof bounds];
    return value >= from && value <= to ? [] : [`${field} must be from ${from} to ${to}, found ${value}`];
  });
  if (!(threshold >= 1)) problems.push(`backoff.threshold must be at least 1, found ${threshold}`);
  if (!(initialMs > 0 && maxMs >= initialMs))
    problems.push('backoff.initialMs must be above 0 and at most backoff.maxMs');
  if (problems.length > 0)
    throw new CertfleetError('invalid-argument', `lane policy of ${name}: ${problems.join('; ')}`);
  new RenewalWindows(policy.windows).opensInMs(0);
  return policy;
}

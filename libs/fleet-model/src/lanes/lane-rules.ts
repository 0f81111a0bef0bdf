import { asCertfleetError } from '@certfleet/shared/errors.ts';
import { KindValidator } from '@certfleet/shared/kube/kind-validator.ts';
import { isUsablePattern, IssuerPattern } from './issuer-pattern.ts';
import type { LanePolicy } from './lane-policy.ts';
import { lanePolicyKind } from './lane-policy-kind.ts';
import type { LanePolicySpec } from './lane-policy-kind.ts';
import { checkLimits } from './lane-policy-limits.ts';

/** A LanePolicy of the API server; its spec may have been valid for an earlier schema only. */
export interface LanePolicySource {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: unknown;
}

/** Limits and pause of the issuers that any of the patterns matches. */
export interface LaneRule<Pause> {
  readonly name: string;
  readonly issuers: readonly string[];
  readonly policy: Partial<LanePolicy>;
  readonly pause: Pause | undefined;
}

/** A rule, and what is wrong with its LanePolicy, in which case it only pauses. */
export interface CheckedRule<Pause> {
  readonly rule: LaneRule<Pause>;
  readonly problem: string | undefined;
}

const validator = new KindValidator(lanePolicyKind);

/** The fields of a LanePolicy that are no limits. */
const otherFields: ReadonlySet<string> = new Set<keyof LanePolicySpec>([
  'issuers',
  'precedence',
  'paused',
  'pauseReason',
  'pausedBy',
  'pausedAt',
]);

/**
 * The rules of LanePolicies in the order in which later ones win: by precedence, then by name.
 * @param pauseOf the pause of an object; undefined if it does not pause
 */
export function laneRules<Source extends LanePolicySource, Pause>(
  objects: readonly Source[],
  pauseOf: (object: Source) => Pause | undefined,
): readonly CheckedRule<Pause>[] {
  return objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .toSorted((a, b) => precedenceOf(a) - precedenceOf(b) || (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((object) => {
      const { name } = object.metadata;
      const issuers = patternsOf(object);
      const pause = pauseOf(object);
      const [policy, problem] = limitsOf(object);
      if (problem === undefined) return { rule: { name, issuers, policy, pause }, problem };
      return { rule: { name, issuers: issuers.filter(isUsablePattern), policy: {}, pause }, problem };
    });
}

/** Whether a LanePolicy pauses its lanes. */
export function isPausing({ spec }: Pick<LanePolicySource, 'spec'>): boolean {
  return fieldOf(spec, 'paused') === true;
}

export function precedenceOf({ spec }: Pick<LanePolicySource, 'spec'>): number {
  const precedence = fieldOf(spec, 'precedence');
  return typeof precedence === 'number' ? precedence : 0;
}

/** The patterns of a policy; an object that an earlier schema or an edited file allowed may have others than texts. */
export function patternsOf({ spec }: Pick<LanePolicySource, 'spec'>): readonly string[] {
  const issuers = fieldOf(spec, 'issuers');
  return Array.isArray(issuers) ? issuers.filter((issuer) => typeof issuer === 'string') : [];
}

/** The limits of the rules, of which later ones win, field by field. */
export function mergedLimits(
  defaults: LanePolicy,
  rules: readonly { readonly policy: Partial<LanePolicy> }[],
): LanePolicy {
  return rules.reduce<LanePolicy>((under, { policy }) => ({ ...under, ...policy }), defaults);
}

/** Rules by issuer: most name one issuer, and thousands of them must not slow down the search. */
export class LaneRuleSet<Pause> {
  readonly #rules: readonly LaneRule<Pause>[];
  readonly #exact = new Map<string, number[]>();
  readonly #patterns: { readonly at: number; readonly pattern: IssuerPattern }[] = [];

  constructor(rules: readonly LaneRule<Pause>[]) {
    this.#rules = rules;
    for (const [at, { issuers }] of rules.entries()) {
      for (const issuer of issuers) {
        if (issuer.includes('*')) this.#patterns.push({ at, pattern: new IssuerPattern(issuer) });
        else this.#exact.set(issuer, [...(this.#exact.get(issuer) ?? []), at]);
      }
    }
  }

  /** The matching rules, in their order. */
  of(key: string): readonly LaneRule<Pause>[] {
    const matching = this.#patterns.filter(({ pattern }) => pattern.matches(key)).map(({ at }) => at);
    const all = new Set([...(this.#exact.get(key) ?? []), ...matching]);
    return [...all].sort((a, b) => a - b).flatMap((at) => this.#rules[at] ?? []);
  }
}

function limitsOf(object: LanePolicySource): readonly [Partial<LanePolicy>, string | undefined] {
  const { metadata, spec } = object;
  const [problem] = validator.problems(spec);
  if (problem !== undefined) return [{}, problem];
  const limits = Object.fromEntries(
    Object.entries(spec as LanePolicySpec).filter(([field]) => !otherFields.has(field)),
  );
  try {
    checkLimits(metadata.name, limits);
    for (const pattern of patternsOf(object)) new IssuerPattern(pattern);
    return [limits, undefined];
  } catch (thrown) {
    return [{}, asCertfleetError(thrown).message];
  }
}

function fieldOf(spec: unknown, field: keyof LanePolicySpec): unknown {
  return typeof spec === 'object' && spec !== null ? (spec as Readonly<Record<string, unknown>>)[field] : undefined;
}

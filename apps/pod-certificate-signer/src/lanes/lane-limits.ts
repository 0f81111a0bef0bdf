import { IssuerPattern } from '@certfleet/fleet-model/lanes/issuer-pattern.ts';
import { defaultLanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { ObjectMeta } from '@certfleet/shared/kube/api-resource.ts';
import type { LaneLimits } from '../signing/paced-lane.ts';

/** The part of a LanePolicy that the signer uses. */
export interface LanePolicyObject {
  readonly name: string;
  readonly precedence: number;
  readonly patterns: readonly IssuerPattern[];
  readonly isPaused: boolean;
  /** Empty if they are not valid: then the object only pauses, as in the controller. */
  readonly limits: Partial<LanePolicy>;
  readonly problem: string | undefined;
}

const bounds: Readonly<Partial<Record<keyof LanePolicy, readonly [number, number]>>> = {
  ratePerSecond: [0, 100_000],
  burst: [1, 100_000],
  maxInFlight: [1, 1_000_000],
  jitter: [0, 0.5],
  maxJitterMs: [0, 30 * 86_400_000],
};

/** The key of a PodCertificateSigner's lane, in the form of the keys of issuers. */
export const laneKeyOf = (signer: string): string => `PodCertificateSigner.certfleet.io//${signer}`;

/** Reads a LanePolicy of the API server; undefined if it is none. */
export function parseLanePolicy(raw: unknown): LanePolicyObject | undefined {
  const { metadata, spec } = (raw ?? {}) as { metadata?: ObjectMeta; spec?: Readonly<Record<string, unknown>> };
  if (metadata?.name === undefined || spec === undefined) return undefined;
  const { issuers, precedence, paused } = spec;
  const texts = Array.isArray(issuers) ? issuers.filter((each) => typeof each === 'string') : [];
  const base = {
    name: metadata.name,
    precedence: typeof precedence === 'number' ? precedence : 0,
    isPaused: paused === true,
  };
  try {
    const patterns = texts.map((text) => new IssuerPattern(text));
    return { ...base, patterns, limits: checkedLimits(spec), problem: undefined };
  } catch (thrown) {
    const patterns = texts.filter((text) => text.length <= 1_000).map((text) => new IssuerPattern(text));
    return { ...base, patterns, limits: {}, problem: asCertfleetError(thrown).message };
  }
}

function checkedLimits(spec: Readonly<Record<string, unknown>>): Partial<LanePolicy> {
  const limits: Record<string, unknown> = {};
  for (const [field, [from, to]] of Object.entries(bounds)) {
    const value = spec[field];
    if (value === undefined) continue;
    if (typeof value !== 'number' || value < from || value > to)
      throw new Error(`${field} must be from ${from} to ${to}`);
    limits[field] = value;
  }
  const { windows, backoff } = spec as Partial<LanePolicy>;
  if (windows !== undefined) {
    new RenewalWindows(windows).opensInMs(0);
    limits['windows'] = windows;
  }
  if (backoff !== undefined) {
    const { threshold, initialMs, maxMs } = backoff;
    if (!(threshold >= 1 && initialMs > 0 && maxMs >= initialMs)) throw new Error('backoff is not valid');
    limits['backoff'] = backoff;
  }
  return limits;
}

/**
 * The limits of lanes by the LanePolicies: field by field, the highest precedence wins, then the last name. One pausing
 * policy is enough.
 */
export class LaneLimitTable {
  #objects: readonly LanePolicyObject[] = [];
  /** Until the policies are loaded: a pause may be among them. */
  #isLoaded = false;
  readonly #cache = new Map<string, LaneLimits>();

  /** Replaces the policies. */
  set(objects: readonly LanePolicyObject[]): void {
    this.#objects = objects.toSorted((a, b) => a.precedence - b.precedence || (a.name < b.name ? -1 : 1));
    this.#isLoaded = true;
    this.#cache.clear();
  }

  /** The limits of a lane; the same object until the policies change. */
  of(key: string): LaneLimits {
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const matching = this.#objects.filter(({ patterns }) => patterns.some((pattern) => pattern.matches(key)));
    const policy = matching.reduce<LanePolicy>((under, { limits }) => ({ ...under, ...limits }), defaultLanePolicy);
    const isPaused = !this.#isLoaded || matching.some((each) => each.isPaused);
    const limits = { policy, windows: new RenewalWindows(policy.windows), isPaused };
    this.#cache.set(key, limits);
    return limits;
  }
}

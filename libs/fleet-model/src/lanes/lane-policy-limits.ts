import { CertfleetError } from '@certfleet/shared/errors.ts';
import { defaultLanePolicy } from './lane-policy.ts';
import type { LanePolicy } from './lane-policy.ts';
import { RenewalWindows } from './renewal-windows.ts';

const bounds: Readonly<Record<Exclude<keyof LanePolicy, 'windows' | 'backoff'>, readonly [number, number]>> = {
  ratePerSecond: [0, 100_000],
  burst: [1, 100_000],
  maxInFlight: [1, 1_000_000],
  answerTimeoutMs: [1_000, 86_400_000],
  jitter: [0, 0.5],
  maxJitterMs: [0, 30 * 86_400_000],
  priority: [0, 9],
};

/**
 * Checks limits of a lane by themselves; missing ones have the defaults.
 * @param name what the limits are of, for the error
 * @throws CertfleetError invalid-argument for an unknown field, which would silently disable a limit, or a wrong value
 */
export function checkLimits(name: string, limits: Partial<LanePolicy>): void {
  const known = Object.keys(defaultLanePolicy);
  const unknown = Object.keys(limits).filter((field) => !known.includes(field));
  if (unknown.length > 0)
    throw invalid(name, `unknown field ${unknown.join(', ')}, expected one of ${known.join(', ')}`);
  const policy = { ...defaultLanePolicy, ...limits };
  const { threshold, initialMs, maxMs } = policy.backoff;
  const problems = Object.entries(bounds).flatMap(([field, [from, to]]) => {
    const value = policy[field as keyof typeof bounds];
    return value >= from && value <= to ? [] : [`${field} must be from ${from} to ${to}, found ${value}`];
  });
  if (!(threshold >= 1)) problems.push(`backoff.threshold must be at least 1, found ${threshold}`);
  if (!(initialMs > 0 && maxMs >= initialMs))
    problems.push('backoff.initialMs must be above 0 and at most backoff.maxMs');
  if (problems.length > 0) throw invalid(name, problems.join('; '));
  new RenewalWindows(policy.windows).opensInMs(0);
}

function invalid(name: string, problem: string): CertfleetError {
  return new CertfleetError('invalid-argument', `lane policy of ${name}: ${problem}`);
}

import type { Validity } from './renew-at.ts';

const longestGraceMs = 10 * 60_000;

/**
 * How long after renew-at the agent leaves a renewal to the controller's job before it renews on its own, in
 * milliseconds: a tenth of the lifetime (a second of ten), ten minutes at most, and never more than a quarter of what is
 * left until not-after, so that a volume with a late renew-at keeps time for more than one try.
 */
export function jobGraceMs({ notBefore, notAfter, renewAt }: Validity & { readonly renewAt: Date }): number {
  const lifetimeMs = notAfter.getTime() - notBefore.getTime();
  const leftMs = notAfter.getTime() - renewAt.getTime();
  return Math.max(0, Math.min(lifetimeMs / 10, leftMs / 4, longestGraceMs));
}

/** The times of a certificate that its renewal is reckoned by, in milliseconds since the epoch. */
export interface CertificateTimes {
  readonly notBeforeMs: number;
  readonly renewAtMs: number;
  readonly notAfterMs: number;
}

const longestGraceMs = 10 * 60_000;

/**
 * How long after renew-at the agent leaves a renewal to the controller's job before it renews on its own, in
 * milliseconds: a tenth of the lifetime (a second of ten), ten minutes at most, and never more than a quarter of what is
 * left until not-after, so that a volume with a late renew-at keeps time for more than one try.
 */
export function jobGraceMs({ notBeforeMs, renewAtMs, notAfterMs }: CertificateTimes): number {
  return Math.max(0, Math.min((notAfterMs - notBeforeMs) / 10, (notAfterMs - renewAtMs) / 4, longestGraceMs));
}

/** Whether even the agent's own deadline has passed, so that somebody should have renewed by now. */
export function isOverdue(times: CertificateTimes, nowMs: number): boolean {
  return nowMs > times.renewAtMs + jobGraceMs(times);
}

/**
 * Which part is left of the time that a certificate has for its renewal, from renew-at to not-after: 1 before renew-at,
 * 0 once it has expired. Says how close a volume is to trouble whether its certificate lives a minute or a year.
 */
export function renewalTimeLeft({ renewAtMs, notAfterMs }: CertificateTimes, nowMs: number): number {
  if (nowMs >= notAfterMs) return 0;
  return nowMs <= renewAtMs ? 1 : (notAfterMs - nowMs) / (notAfterMs - renewAtMs);
}

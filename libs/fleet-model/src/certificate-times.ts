/** The times of a certificate that determine its renewal, in milliseconds since the epoch. */
export interface CertificateTimes {
  readonly notBeforeMs: number;
  readonly renewAtMs: number;
  readonly notAfterMs: number;
}

const maxGraceMs = 10 * 60_000;

/**
 * How long after renew-at the agent waits for the controller's job before it renews without one, in milliseconds: a
 * tenth of the lifetime (one second of ten), at most ten minutes and at most a quarter of the time from renew-at to
 * not-after, so that a volume with a late renew-at keeps time for more than one attempt.
 */
export function jobGraceMs({ notBeforeMs, renewAtMs, notAfterMs }: CertificateTimes): number {
  return Math.max(0, Math.min((notAfterMs - notBeforeMs) / 10, (notAfterMs - renewAtMs) / 4, maxGraceMs));
}

const maxReserveMs = 3_600_000;

/**
 * The latest start of a renewal that leaves time for more than one attempt: a quarter of the time from renew-at to
 * not-after, at most one hour. After this time neither windows, rate limits nor deferrals apply.
 */
export function latestStartMs({ renewAtMs, notAfterMs }: Omit<CertificateTimes, 'notBeforeMs'>): number {
  return notAfterMs - Math.min(maxReserveMs, Math.max(0, notAfterMs - renewAtMs) / 4);
}

/**
 * The agent's fallback deadline in milliseconds since the epoch: renew-at plus the grace for a job, or the controller's
 * deferral plus that grace. A deferral ends soon after the latest start, so that neither a pause nor an unavailable
 * controller lets a certificate expire.
 */
export function fallbackRenewalAtMs(times: CertificateTimes, deferredUntilMs?: number): number {
  const graceMs = jobGraceMs(times);
  const regularMs = times.renewAtMs + graceMs;
  if (deferredUntilMs === undefined) return regularMs;
  const latestMs = latestStartMs(times);
  const maxDeferMs = latestMs + (times.notAfterMs - latestMs) / 4;
  return Math.max(regularMs, Math.min(deferredUntilMs + graceMs, maxDeferMs));
}

/** Whether the agent's fallback deadline has passed, so that a renewal should have happened already. */
export function isOverdue(times: CertificateTimes, nowMs: number, deferredUntilMs?: number): boolean {
  return nowMs > fallbackRenewalAtMs(times, deferredUntilMs);
}

/**
 * The remaining part of the time from renew-at to not-after: 1 before renew-at, 0 after expiry. It measures urgency
 * independently of the lifetime.
 */
export function renewalTimeLeft({ renewAtMs, notAfterMs }: CertificateTimes, nowMs: number): number {
  if (nowMs >= notAfterMs) return 0;
  return nowMs <= renewAtMs ? 1 : (notAfterMs - nowMs) / (notAfterMs - renewAtMs);
}

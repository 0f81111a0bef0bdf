/** The times of a certificate that its renewal is reckoned by, in milliseconds since the epoch. */
export interface CertificateTimes {
  readonly notBeforeMs: number;
  readonly renewAtMs: number;
  readonly notAfterMs: number;
}

const maxGraceMs = 10 * 60_000;

/**
 * How long after renew-at the agent leaves a renewal to the controller's job before it renews on its own, in
 * milliseconds: a tenth of the lifetime (a second of ten), ten minutes at most, and never more than a quarter of what is
 * left until not-after, so that a volume with a late renew-at keeps time for more than one try.
 */
export function jobGraceMs({ notBeforeMs, renewAtMs, notAfterMs }: CertificateTimes): number {
  return Math.max(0, Math.min((notAfterMs - notBeforeMs) / 10, (notAfterMs - renewAtMs) / 4, maxGraceMs));
}

const maxReserveMs = 3_600_000;

/**
 * The latest start of a renewal that leaves time for more than one try: a quarter of the time from renew-at to not-after
 * is kept, an hour at most. After it nothing holds a renewal back: no window, no line, no word of the controller.
 */
export function latestStartMs({ renewAtMs, notAfterMs }: Omit<CertificateTimes, 'notBeforeMs'>): number {
  return notAfterMs - Math.min(maxReserveMs, Math.max(0, notAfterMs - renewAtMs) / 4);
}

/**
 * When the agent renews on its own, in milliseconds since the epoch: after the grace for a job; while the controller
 * holds the renewal for its lane's sake, after that hold and its grace. A hold ends soon after the latest start whatever
 * it says, so that neither a pause nor a controller that went away lets a certificate expire.
 */
export function fallbackRenewalAtMs(times: CertificateTimes, deferredUntilMs?: number): number {
  const graceMs = jobGraceMs(times);
  const regularMs = times.renewAtMs + graceMs;
  if (deferredUntilMs === undefined) return regularMs;
  const latestMs = latestStartMs(times);
  const maxDeferMs = latestMs + (times.notAfterMs - latestMs) / 4;
  return Math.max(regularMs, Math.min(deferredUntilMs + graceMs, maxDeferMs));
}

/** Whether even the agent's own deadline has passed, so that somebody should have renewed by now. */
export function isOverdue(times: CertificateTimes, nowMs: number, deferredUntilMs?: number): boolean {
  return nowMs > fallbackRenewalAtMs(times, deferredUntilMs);
}

/**
 * Which part is left of the time that a certificate has for its renewal, from renew-at to not-after: 1 before renew-at,
 * 0 once it has expired. Says how close a volume is to trouble whether its certificate lives a minute or a year.
 */
export function renewalTimeLeft({ renewAtMs, notAfterMs }: CertificateTimes, nowMs: number): number {
  if (nowMs >= notAfterMs) return 0;
  return nowMs <= renewAtMs ? 1 : (notAfterMs - nowMs) / (notAfterMs - renewAtMs);
}

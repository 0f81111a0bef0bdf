/**
 * When the next issuance of a volume is allowed: the rules that agent and controller share. All functions are pure;
 * durations are in milliseconds, times in milliseconds since the epoch. Callers measure durations on their own
 * monotonic clock or, in a Redis script, on the server's time: no rule depends on the wall clock of another machine.
 */

/** The times of an issued certificate from which its renewal is computed, in milliseconds since the epoch. */
export interface IssuedTimes {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When the certificate was received, by the receiver's clock. */
  readonly issuedAtMs: number;
}

/** Exponential back-off with jitter. Durations in milliseconds. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly factor: number;
  /** The random part added to each wait: 0.5 adds up to half. */
  readonly jitter: number;
  readonly capMs: number;
}

const secondMs = 1_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** The minimum part of a certificate's time before its renewal: a fiftieth. */
const minPart = 1 / 50;

/** The limit of every back-off, for any policy. */
const maxBackoffMs = 365 * dayMs;

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

/** Limits a random source to Math.random's range; invalid values add no jitter. */
function sample(random: () => number): number {
  const value = random();
  return value >= 0 && value <= 1 ? value : 0;
}

/** `initial` · `factor`^`exponent`, at most `cap`; finite for any exponent. */
function grow(initial: number, factor: number, { exponent, cap }: { exponent: number; cap: number }): number {
  const steps = Number.isNaN(exponent) ? 0 : clamp(Math.floor(exponent), 0, 1_000);
  const grown = initial * factor ** steps;
  return Number.isFinite(grown) ? Math.min(grown, cap) : cap;
}

/**
 * The renew-at of a certificate, in milliseconds since the epoch: `renewBeforeMs` before not-after, or, if that is
 * missing or unusable, when a third of the time that remained at issuance is left. The remaining time counts, not the
 * lifetime: an issuer may backdate not-before or grant less than requested. A renew-before is usable if it is positive
 * and leaves at least a fiftieth of the remaining time before the renewal; `isRenewBeforeUsable` is false only if an
 * unusable one was given.
 */
export function renewalTime(
  { notBeforeMs, notAfterMs, issuedAtMs }: IssuedTimes,
  renewBeforeMs: number | undefined,
): { readonly renewAtMs: number; readonly isRenewBeforeUsable: boolean } {
  const startMs = Math.max(notBeforeMs, issuedAtMs);
  const remainingMs = Math.max(0, notAfterMs - startMs);
  const earliestMs = startMs + remainingMs * minPart;
  const askedMs = renewBeforeMs === undefined ? Number.NaN : notAfterMs - renewBeforeMs;
  const isUsable = renewBeforeMs !== undefined && renewBeforeMs > 0 && askedMs >= earliestMs;
  const renewAtMs = Math.ceil(Math.max(earliestMs, isUsable ? askedMs : notAfterMs - remainingMs / 3));
  return { renewAtMs, isRenewBeforeUsable: renewBeforeMs === undefined || isUsable };
}

/**
 * The minimum time between two successful automatic issuances of one volume, in milliseconds: a fiftieth of the granted
 * lifetime (not-after minus not-before), at least 1 s, at most 1 h. Each side measures it from its own receipt of the
 * certificate, by its own clock. Any lifetime is accepted, also an invalid one.
 */
export function minimumIntervalMs(lifetimeMs: number): number {
  return Number.isNaN(lifetimeMs) ? hourMs : clamp(lifetimeMs * minPart, secondMs, hourMs);
}

/**
 * The back-off after retryable failures for a certificate with this lifetime in milliseconds: fractions of a second for
 * a certificate of ten seconds; half a minute at first and five minutes later for one of ninety days.
 */
export function transientBackoff(lifetimeMs: number): BackoffPolicy {
  const knownMs = Number.isNaN(lifetimeMs) ? dayMs : lifetimeMs;
  return {
    initialMs: clamp(knownMs / 40, 250, 30_000),
    factor: 2,
    jitter: 0.5,
    capMs: clamp(knownMs / 10, secondMs, 300_000),
  };
}

/**
 * The wait in milliseconds before attempt `attempt` + 1, where the first failed attempt is 1 (a lower number counts as
 * 1); `random` returns numbers in [0, 1). The result is finite for any attempt.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number = Math.random): number {
  const cap = policy.capMs >= 0 ? Math.min(policy.capMs, maxBackoffMs) : maxBackoffMs;
  const grownMs = grow(policy.initialMs, policy.factor, { exponent: attempt - 1, cap });
  return Math.min(grownMs * (1 + policy.jitter * sample(random)), maxBackoffMs);
}

/**
 * The wait in milliseconds after a terminal failure (a request that was denied or failed, or an unusable certificate):
 * 1 h for the first of `failures`, doubling to 32 h, with up to 10 % of jitter. Before not-after the wait is at most an
 * eighth of `leftMs`, the time until not-after; after it, where `leftMs` is negative, at most an eighth of the time
 * since. At least 1 s. So the attempts around the end of a certificate are few but in time. An undefined or zero
 * `leftMs` sets no limit.
 */
export function terminalBackoffMs(
  failures: number,
  leftMs: number | undefined,
  random: () => number = Math.random,
): number {
  const grownMs = grow(hourMs, 2, { exponent: failures - 1, cap: 32 * hourMs }) * (1 + 0.1 * sample(random));
  const boundMs = Math.abs(leftMs ?? 0) / 8;
  return Math.max(secondMs, boundMs > 0 ? Math.min(grownMs, boundMs) : grownMs);
}

/**
 * After how many milliseconds an approved CertificateRequest without a response of its issuer is replaced by one with a new
 * name.
 * `leftMs` is the time until not-after when the request was created, undefined for a first issuance; `replacements` is
 * the number of earlier replacements. For a renewal: a quarter of `leftMs`, at least 30 s. For a first issuance: 1 h,
 * doubling to 24 h. A renewal that a replacement cannot complete in time (a quarter below 1 s, or an expired
 * certificate) is still replaced, because the pod has no other way to a certificate: after 30 s, doubling to a quarter of
 * the time since not-after (or 2 min if that is longer, at most 24 h), so that an issuer that recovers is used soon.
 */
export function replacementDelayMs(leftMs: number | undefined, replacements: number): number {
  if (leftMs === undefined) return grow(hourMs, 2, { exponent: replacements, cap: dayMs });
  const quarterMs = leftMs / 4;
  if (quarterMs >= secondMs) return Math.max(30_000, quarterMs);
  const maxMs = Math.min(dayMs, Math.max(120_000, Math.abs(quarterMs)));
  return grow(30_000, 2, { exponent: replacements, cap: maxMs });
}

/**
 * When the next issuance of a volume is allowed: the rules that agent and controller share. All functions are pure;
 * durations are in milliseconds, times in milliseconds since the epoch. Callers measure the durations on their own
 * monotonic clock, or, in a Redis script, on the server's time: no rule may rest on the wall clock of another machine.
 */

/** The times of an issued certificate that its renewal is computed from, in milliseconds since the epoch. */
export interface IssuedTimes {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** When the certificate was received, by the receiver's clock. */
  readonly issuedAtMs: number;
}

/** A growing wait between attempts, spread by jitter. Durations in milliseconds. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly factor: number;
  /** Part of each wait that is drawn at random on top of it: 0.5 adds up to half. */
  readonly jitter: number;
  readonly capMs: number;
}

const secondMs = 1_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** At least a fiftieth of a certificate's time passes before it is renewed. */
const minPart = 1 / 50;

/** No back-off is longer, whatever its policy says. */
const maxBackoffMs = 365 * dayMs;

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

/** Math.random's range for any source: a source that answers nonsense spreads nothing. */
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
 * When a certificate is to be renewed, in milliseconds since the epoch: `renewBeforeMs` before not-after, or, if that is
 * not given or not usable, when a third is left of the time that remained at the issue. The remaining time counts, not
 * the lifetime: an issuer may backdate not-before or grant less than was requested. A renew-before is usable if it is
 * positive and leaves at least a fiftieth of the remaining time before the renewal; `isRenewBeforeUsable` is false only
 * if one was given that is not.
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
 * The least time between two successful automatic issuances of one volume, in milliseconds: a fiftieth of the granted
 * lifetime (not-after less not-before), 1 s at least, 1 h at most. Each side measures it from its own receipt of the
 * certificate, by its own clock. It holds for any lifetime, also for one that makes no sense.
 */
export function minimumIntervalMs(lifetimeMs: number): number {
  return Number.isNaN(lifetimeMs) ? hourMs : clamp(lifetimeMs * minPart, secondMs, hourMs);
}

/**
 * The back-off after transient failures for a certificate with this lifetime in milliseconds: a certificate of ten
 * seconds is tried again within fractions of a second, one of ninety days after half a minute at first and every five
 * minutes at last.
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
 * The wait in milliseconds before attempt `attempt` + 1, where the first failed attempt is 1 (a lower number counts as 1);
 * `random` gives numbers in [0, 1). The result is finite for any attempt.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number = Math.random): number {
  const cap = policy.capMs >= 0 ? Math.min(policy.capMs, maxBackoffMs) : maxBackoffMs;
  const grownMs = grow(policy.initialMs, policy.factor, { exponent: attempt - 1, cap });
  return Math.min(grownMs * (1 + policy.jitter * sample(random)), maxBackoffMs);
}

/**
 * The wait in milliseconds after a final refusal (a request that was denied or failed, an answer that cannot be used):
 * 1 h for the first of `failures`, doubling to 32 h, with up to 10 % of jitter. While the volume has a certificate, the
 * wait is at most an eighth of `leftMs`, the time until its not-after; after not-after, where `leftMs` is negative, at
 * most an eighth of the time since. So the attempts around the end of a certificate are few and yet not late. 1 s at
 * least. `leftMs` of undefined or 0 bounds nothing.
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
 * After how many milliseconds a CertificateRequest that its issuer does not answer is replaced by one under a new name.
 * `leftMs` is the time until not-after when the request was created, undefined for a first issuance; `replacements` is
 * how often the request was replaced before. For a renewal a quarter of `leftMs`, 30 s at least; for a first issuance
 * 1 h, doubling to 24 h. A renewal that a replacement cannot complete in time (a quarter below 1 s, or an expired
 * certificate) is still replaced, since the pod goes on without a certificate otherwise: after 30 s, doubling to 24 h.
 */
export function replacementDelayMs(leftMs: number | undefined, replacements: number): number {
  if (leftMs === undefined) return grow(hourMs, 2, { exponent: replacements, cap: dayMs });
  const quarterMs = leftMs / 4;
  if (quarterMs >= secondMs) return Math.max(30_000, quarterMs);
  return grow(30_000, 2, { exponent: replacements, cap: dayMs });
}

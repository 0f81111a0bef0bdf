import { jobGraceMs, fallbackRenewalAtMs } from '@certfleet/fleet-model/certificate-times.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { isOneOf, refusedReasons } from '@certfleet/shared/error-reasons.ts';
import type { ErrorReason } from '@certfleet/shared/error-reasons.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  backoffMs,
  minimumIntervalMs,
  replacementDelayMs,
  terminalBackoffMs,
  transientBackoff,
} from '@certfleet/fleet-model/renewal-policy.ts';
import type { Due } from '../renewal/renewal-scheduler.ts';
import { failureClock, isClockCorrected, minClockStepMs } from '../renewal/wall-clock.ts';
import type { IssuedFacts, VolumeRecord } from '../storage/volume-record.ts';
import type { AttemptMarks, AttemptState } from './attempt-state.ts';
import { issuedTimes } from './issued-times.ts';
import { isReaddressed } from './issued-facts.ts';

export interface AttemptPolicyOptions {
  readonly clock: Clock;
  /**
   * Whether a controller sends renewals as jobs. The agent then leaves each renewal to the controller for a grace
   * period.
   */
  readonly hasController: boolean;
  /** Numbers in [0, 1), for jitter. */
  readonly random?: () => number;
}

/**
 * - `deferred`: nothing failed, the attempt continues after a wait;
 * - `refused`: the request was refused for good, the next one needs another name and key;
 * - `transient`: anything else, the same request is retried.
 */
export type FailureKind = 'deferred' | 'refused' | 'transient';

const deferredReasons = [
  'GatePending',
  'PodAddressPending',
  'CertificateNotYetValid',
] as const satisfies readonly ErrorReason[];
export const unansweredReasons = ['RequestPending', 'RequestUnapproved'] as const satisfies readonly ErrorReason[];

/** A gate has its own back-off inside the attempt; the next attempt continues it. */
const gateRetryMs = 1_000;
/** Maximum interval between checks of a pending request; resuming it costs two small API calls. */
const maxPendingRetryMs = 30_000;
/** Upper bound on a server's retry-after, so that it cannot make a certificate expire. */
const maxRetryAfterMs = 60_000;
/** Maximum wait for a certificate that is not valid yet; a wrong clock may be corrected earlier. */
const maxDeferralMs = 15 * 60_000;
/** How long the controller leaves a volume alone that has no certificate yet; the agent issues the first one. */
const unissuedWaitMs = 60_000;
/** Minimum interval between two certificates because the addresses of a pod change. */
const minReaddressMs = 30_000;
/** A renewal requested by a person replaces a request that was unanswered for this long. */
const minUnansweredMs = 30_000;

/**
 * Decides when the next attempt to issue a volume's certificate is allowed. Waits and intervals use the monotonic
 * clock. The wall clock can only bring a renewal forward, because validity is wall time, and never to within the
 * minimum interval after the last success.
 */
export class AttemptPolicy {
  readonly #clock: Clock;
  readonly #hasController: boolean;
  readonly #random: () => number;

  constructor({ clock, hasController, random = Math.random }: AttemptPolicyOptions) {
    this.#clock = clock;
    this.#hasController = hasController;
    this.#random = random;
  }

  kindOf({ reason }: CertfleetError): FailureKind {
    if (isOneOf(deferredReasons, reason)) return 'deferred';
    return isOneOf(refusedReasons, reason) ? 'refused' : 'transient';
  }

  /** The marks of a restored volume. An interval that a wall clock change distorts counts as not elapsed. */
  restoredMarks({ issued, lastFailure, request }: VolumeRecord): AttemptMarks {
    const [nowMs, monotonicMs] = [this.#clock.now(), this.#clock.monotonic()];
    return {
      issuedAtMs: issued && monotonicMs - clamp(nowMs - issued.issuedAt.getTime(), 0, usableMs(issued)),
      retryAtMs: this.#restoredRetryAtMs(lastFailure),
      sentAtMs: request?.sentAt && monotonicMs - Math.max(0, nowMs - request.sentAt.getTime()),
      // A clock that was wrong at the failure may still be wrong, and be set later.
      clock: lastFailure && failureClock(this.#clock, undefined),
    };
  }

  #restoredRetryAtMs(lastFailure: VolumeRecord['lastFailure']): number | undefined {
    if (lastFailure?.retryAt === undefined) return undefined;
    const { at, retryAt } = lastFailure;
    const waitMs = this.#isBeforeFailure(lastFailure) ? 0 : Math.max(0, retryAt.getTime() - at.getTime());
    return this.#clock.monotonic() + waitMs - clamp(this.#clock.now() - at.getTime(), 0, waitMs);
  }

  /** When the volume is due; undefined while only the kubelet's next publish can start an attempt. */
  due(state: AttemptState): Due | undefined {
    const { spec, record, marks } = state;
    const { issued } = record;
    const monotonicMs = this.#clock.monotonic();
    const retryAtMs = this.#isClockCorrected(state) ? monotonicMs : marks.retryAtMs;
    if (issued === undefined) {
      // The addresses of the pod, once they are known, make it due.
      if (record.phase === 'created' || spec.podVariables.unknown.length > 0) return undefined;
      return { monotonicMs: Math.max(monotonicMs, retryAtMs ?? 0) };
    }
    if (isReaddressed(record)) {
      return { monotonicMs: Math.max(monotonicMs, retryAtMs ?? this.#earliestMs(state, minReaddressMs)) };
    }
    return this.#renewalDue(state, issued, retryAtMs);
  }

  #renewalDue(state: AttemptState, issued: IssuedFacts, retryAtMs: number | undefined): Due {
    const { record } = state;
    const monotonicMs = this.#clock.monotonic();
    const wallMs = this.#deadlineMs(record, issued);
    const deadlineMs = this.#onMonotonic(wallMs, state);
    const isBeforeDeadline = this.#clock.now() < wallMs && monotonicMs < deadlineMs;
    if (retryAtMs !== undefined) {
      const isFailed = state.marks.deferredUntilMs === undefined;
      const isLeftToController = record.deferredUntil !== undefined || (this.#hasController && isFailed);
      if (!isLeftToController || !isBeforeDeadline) return { monotonicMs: retryAtMs };
      // Until the deadline the controller decides: it may defer the renewal, or the request for it may be cancelled.
      const retryWallMs = this.#clock.now() + retryAtMs - monotonicMs;
      return { wallMs: Math.max(wallMs, retryWallMs), monotonicMs: Math.max(retryAtMs, deadlineMs) };
    }
    if (isBeforeDeadline) return { wallMs, monotonicMs: deadlineMs };
    return { monotonicMs: Math.max(monotonicMs, this.#earliestMs(state)) };
  }

  /** Whether the volume's own schedule requires an attempt now. */
  isDue(state: AttemptState): boolean {
    const due = this.due(state);
    if (due === undefined) return false;
    return this.#clock.monotonic() >= due.monotonicMs || this.#clock.now() >= (due.wallMs ?? Infinity);
  }

  /** Whether the minimum interval since the last success has not elapsed; only a person may renew now. */
  isTooSoon(state: AttemptState): boolean {
    return this.#clock.monotonic() < this.#earliestMs(state);
  }

  /** Whether the wait after a final refusal has not elapsed; neither kubelet nor controller may cause a request. */
  isBackingOff(state: AttemptState): boolean {
    return this.#clock.monotonic() < this.#refusalEndMs(state);
  }

  /**
   * Milliseconds for which a renewal cannot change anything, whoever requests it: a readiness gate is closed, or the new
   * certificate is not valid yet. 0 if a renewal can succeed.
   */
  deferredForMs({ record, marks }: AttemptState): number {
    const leftMs = Math.max(0, (marks.deferredUntilMs ?? 0) - this.#clock.monotonic());
    return record.issued === undefined ? Math.max(unissuedWaitMs, leftMs) : leftMs;
  }

  /** Milliseconds until automatic renewals are allowed; 0 if they are allowed now. */
  automaticWaitMs(state: AttemptState): number {
    const waitMs = Math.max(this.#earliestMs(state), this.#refusalEndMs(state)) - this.#clock.monotonic();
    return Math.max(0, waitMs, this.deferredForMs(state));
  }

  /** How long to wait after a failed attempt, in milliseconds. `attempts` and `refusals` include this one. */
  retryDelayMs(
    state: AttemptState,
    error: CertfleetError,
    { attempts, refusals }: { readonly attempts: number; readonly refusals: number },
  ): number {
    const { spec, record } = state;
    if (error.reason === 'GatePending') return gateRetryMs;
    if (this.kindOf(error) === 'deferred') return Math.max(gateRetryMs, error.retryAfterMs ?? 0);
    const { issued } = record;
    const lifetimeMs = issued === undefined ? spec.durationMs : lifetimeOf(issued);
    const leftMs = issued === undefined ? undefined : this.leftMs(state);
    const grace = this.#graceMs(record);
    // Lower bound that keeps retries of an expiring certificate from coming every second.
    const minMs = clamp(lifetimeMs / 1_000, 1_000, 300_000);
    const retryAfterMs = Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs);
    const delayMs =
      this.kindOf(error) === 'refused'
        ? Math.max(minMs, terminalBackoffMs(refusals, leftMs, this.#random))
        : this.#transientDelayMs(error, lifetimeMs, { attempts, retryAfterMs });
    // While the certificate is valid, retry before it expires, unless the server asks for a longer wait.
    const maxMs = leftMs === undefined || leftMs <= 0 ? Infinity : Math.max(minMs, retryAfterMs, leftMs / 4);
    return Math.min(grace + delayMs, maxMs);
  }

  #transientDelayMs(
    { reason }: CertfleetError,
    lifetimeMs: number,
    { attempts, retryAfterMs }: { readonly attempts: number; readonly retryAfterMs: number },
  ): number {
    const backoff = backoffMs(transientBackoff(lifetimeMs), attempts, this.#random);
    return isOneOf(unansweredReasons, reason) ? Math.min(backoff, maxPendingRetryMs) : Math.max(backoff, retryAfterMs);
  }

  /**
   * Whether to replace the current request by one under a new name because its issuer does not answer it: after a part
   * of the time that was left when it was sent, or when a person requests a renewal. A request that waits for approval is
   * kept, because a replacement would start the review again.
   */
  isRequestIgnored(state: AttemptState, isRequestedByPerson: boolean): boolean {
    const { record, marks } = state;
    const reason = record.lastFailure?.reason;
    if (marks.sentAtMs === undefined || !isOneOf(unansweredReasons, reason)) return false;
    const unansweredMs = this.#clock.monotonic() - marks.sentAtMs;
    if (isRequestedByPerson) return unansweredMs >= minUnansweredMs;
    if (reason === 'RequestUnapproved') return false;
    const leftMs = record.issued === undefined ? undefined : this.leftMs(state) + unansweredMs;
    // A refused request was answered; only requests without an answer make the next replacement rarer.
    const { abandoned = 0, refusals = 0 } = record.request ?? {};
    return unansweredMs >= replacementDelayMs(leftMs, Math.max(0, abandoned - refusals));
  }

  /**
   * How long to keep the current certificate while a new one is not valid yet, in milliseconds; 0 to use the new one
   * now. Either clock may be wrong, so half of the time reserved for the renewal is always kept.
   */
  deferralMs(state: AttemptState, notBefore: Date): number {
    const { issued } = state.record;
    if (issued === undefined) return 0;
    const reserveMs = (issued.notAfter.getTime() - issued.renewAt.getTime()) / 2;
    const aheadMs = notBefore.getTime() - this.#clock.now();
    return Math.max(0, Math.min(aheadMs, this.leftMs(state) - reserveMs, maxDeferralMs));
  }

  /**
   * Remaining lifetime of the current certificate in milliseconds, measured on the monotonic clock since it was issued;
   * negative after its end.
   */
  leftMs({ record: { issued }, marks }: AttemptState): number {
    if (issued === undefined) return 0;
    const monotonicMs = this.#clock.monotonic();
    return usableMs(issued) - (monotonicMs - (marks.issuedAtMs ?? monotonicMs));
  }

  /** The end of the minimum interval after the last success, on the monotonic clock. */
  #earliestMs({ spec, record: { issued }, marks }: AttemptState, maxIntervalMs = Infinity): number {
    if (issued === undefined) return 0;
    // A backdated certificate has a longer nominal lifetime than it can be used for; the requested lifetime bounds it.
    const lifetimeMs = Math.min(lifetimeOf(issued), spec.durationMs);
    return (marks.issuedAtMs ?? this.#clock.monotonic()) + Math.min(maxIntervalMs, minimumIntervalMs(lifetimeMs));
  }

  /** The end of the wait after a final refusal, on the monotonic clock; 0 if the last failure was not a refusal. */
  #refusalEndMs(state: AttemptState): number {
    const { record, marks } = state;
    const isRefused = (record.request?.refusals ?? 0) > 0 && isOneOf(refusedReasons, record.lastFailure?.reason);
    if (!isRefused || this.#isClockCorrected(state)) return 0;
    // The agent's own attempt follows the controller's job by the grace period, so the wait must be over for the job.
    // Near the end of the certificate the wait is shorter than the grace period; a part of it is kept.
    const leftMs = this.leftMs(state);
    return (marks.retryAtMs ?? 0) - Math.min(this.#graceMs(record), leftMs > 0 ? leftMs / 8 : Infinity);
  }

  /** Whether a certificate was invalid only by a wall clock that has been set since; the next one may be valid. */
  #isClockCorrected({ record: { lastFailure }, marks: { clock } }: AttemptState): boolean {
    if (clock === undefined || lastFailure?.reason !== 'InvalidCertificate') return false;
    return isClockCorrected(this.#clock, clock);
  }

  /** Whether a certificate was invalid by a wall clock that has been set back since, so that the wait has no reason. */
  #isBeforeFailure(lastFailure: VolumeRecord['lastFailure']): boolean {
    if (lastFailure?.reason !== 'InvalidCertificate') return false;
    return lastFailure.at.getTime() - this.#clock.now() > minClockStepMs;
  }

  /** The delay between the controller's job and the agent's own attempt. */
  #graceMs({ issued }: VolumeRecord): number {
    return issued !== undefined && this.#hasController ? jobGraceMs(issuedTimes(issued)) : 0;
  }

  #deadlineMs({ deferredUntil }: VolumeRecord, issued: IssuedFacts): number {
    if (!this.#hasController) return issued.renewAt.getTime();
    return fallbackRenewalAtMs(issuedTimes(issued), deferredUntil?.getTime());
  }

  /** Maps a wall time to the monotonic clock by its distance from the time of issue. */
  #onMonotonic(wallMs: number, { record: { issued }, marks }: AttemptState): number {
    const issuedAtMs = marks.issuedAtMs ?? this.#clock.monotonic();
    return issued === undefined ? issuedAtMs : issuedAtMs + Math.max(0, wallMs - issued.issuedAt.getTime());
  }
}

function lifetimeOf({ notBefore, notAfter }: IssuedFacts): number {
  return notAfter.getTime() - notBefore.getTime();
}

/** Remaining lifetime when the certificate was issued, in milliseconds. */
function usableMs({ notBefore, notAfter, issuedAt }: IssuedFacts): number {
  return Math.max(0, notAfter.getTime() - Math.max(notBefore.getTime(), issuedAt.getTime()));
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

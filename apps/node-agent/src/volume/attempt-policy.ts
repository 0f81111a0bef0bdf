import { jobGraceMs, fallbackRenewalAtMs } from '@certfleet/shared/certificate-times.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import {
  backoffMs,
  minimumIntervalMs,
  replacementDelayMs,
  terminalBackoffMs,
  transientBackoff,
} from '@certfleet/shared/renewal-policy.ts';
import type { Due } from '../renewal/renewal-scheduler.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { IssuedFacts, VolumeRecord } from '../storage/volume-record.ts';
import { issuedTimes } from './issued-times.ts';

/** What decides about a volume's next attempt. */
export interface AttemptState {
  readonly spec: Pick<VolumeSpec, 'durationMs'>;
  readonly record: VolumeRecord;
  readonly marks: AttemptMarks;
}

/** Moments on the monotonic clock, in milliseconds, that only the running process knows. */
export interface AttemptMarks {
  /** When the present certificate was issued; of a restored volume, as its record says. */
  readonly issuedAtMs?: number | undefined;
  /** End of the wait after the last failed or deferred attempt. */
  readonly retryAtMs?: number | undefined;
  /** When the present request was first sent. */
  readonly sentAtMs?: number | undefined;
}

/** What a policy works with. */
export interface AttemptPolicyOptions {
  readonly clock: Clock;
  /** Whether a controller sends renewals as jobs: the agent then leaves each to it for a while. */
  readonly hasController: boolean;
  /** Numbers in [0, 1), for jitter. */
  readonly random?: () => number;
}

/**
 * - `deferred`: nothing failed, the attempt continues after a wait;
 * - `refused`: the request was answered for good, the next one needs another name and key;
 * - `transient`: anything else, the same request is tried again.
 */
export type FailureKind = 'deferred' | 'refused' | 'transient';

const deferredReasons: ReadonlySet<string> = new Set(['GatePending', 'CertificateNotYetValid']);
const refusedReasons: ReadonlySet<string> = new Set(['RequestDenied', 'RequestFailed', 'InvalidCertificate']);
export const unansweredReasons: ReadonlySet<string> = new Set(['RequestPending', 'RequestUnapproved']);

/** Waiting for a gate has a back-off of its own, inside the attempt; the next attempt continues it. */
const gateRetryMs = 1_000;
/** A request that waits for its answer is looked at this often at least: resuming it costs two small requests. */
const maxPendingRetryMs = 30_000;
/** However long a server asks to be left alone: a certificate must not expire for it. */
const maxRetryAfterMs = 60_000;
/** A certificate that is not valid yet is looked at again after this time at the latest: a clock may be corrected. */
const maxDeferralMs = 15 * 60_000;
/** An operator who asks for a renewal replaces a request that was unanswered for this long. */
const minUnansweredMs = 30_000;

/**
 * When the next attempt to issue a volume's certificate is allowed: the only place that decides. Waits and intervals are
 * measured on the monotonic clock. The wall clock can only make a renewal come earlier, since validity is wall time, and
 * then not within the minimum interval after the last success.
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

  /** The kind of a failure. */
  kindOf({ reason = '' }: CertfleetError): FailureKind {
    if (deferredReasons.has(reason)) return 'deferred';
    return refusedReasons.has(reason) ? 'refused' : 'transient';
  }

  /** The marks of a volume that an earlier run left; an interval that the wall clock distorts counts as not elapsed. */
  restoredMarks({ issued, lastFailure, request }: VolumeRecord): AttemptMarks {
    const [nowMs, monotonicMs] = [this.#clock.now(), this.#clock.monotonic()];
    const elapsedSince = (at: Date, maxMs: number): number => clamp(nowMs - at.getTime(), 0, maxMs);
    const waitMs = (lastFailure?.retryAt?.getTime() ?? 0) - (lastFailure?.at.getTime() ?? 0);
    return {
      issuedAtMs: issued && monotonicMs - elapsedSince(issued.issuedAt, usableMs(issued)),
      retryAtMs:
        lastFailure?.retryAt && monotonicMs + Math.max(0, waitMs - elapsedSince(lastFailure.at, Math.max(0, waitMs))),
      sentAtMs: request?.sentAt && monotonicMs - Math.max(0, nowMs - request.sentAt.getTime()),
    };
  }

  /** When the volume is due; undefined while only the kubelet's next publish can bring it forward. */
  due(state: AttemptState): Due | undefined {
    const { record, marks } = state;
    const { issued } = record;
    const monotonicMs = this.#clock.monotonic();
    if (issued === undefined) {
      if (record.phase === 'created') return undefined;
      return { monotonicMs: Math.max(monotonicMs, marks.retryAtMs ?? 0) };
    }
    const wallMs = this.#deadlineMs(record, issued);
    const deadlineMs = this.#onMonotonic(wallMs, state);
    if (marks.retryAtMs !== undefined) {
      // The controller tries again as well; while it defers this renewal, so does the agent.
      return {
        monotonicMs: record.deferredUntil === undefined ? marks.retryAtMs : Math.max(marks.retryAtMs, deadlineMs),
      };
    }
    if (this.#clock.now() < wallMs && monotonicMs < deadlineMs) return { wallMs, monotonicMs: deadlineMs };
    return { monotonicMs: Math.max(monotonicMs, this.#earliestMs(state)) };
  }

  /** Whether the volume's own schedule asks for an attempt now. */
  isDue(state: AttemptState): boolean {
    const due = this.due(state);
    if (due === undefined) return false;
    return this.#clock.monotonic() >= due.monotonicMs || this.#clock.now() >= (due.wallMs ?? Infinity);
  }

  /** Whether the last success is so recent that only a person's order may renew. */
  isTooSoon(state: AttemptState): boolean {
    return this.#clock.monotonic() < this.#earliestMs(state);
  }

  /** Whether the wait after a final refusal is not over: neither kubelet nor controller may cause a request. */
  isBackingOff(state: AttemptState): boolean {
    return this.#clock.monotonic() < this.#refusalEndMs(state);
  }

  /** For how many milliseconds from now on only a person's order may renew; 0 when anyone's may. */
  automaticWaitMs(state: AttemptState): number {
    return Math.max(0, Math.max(this.#earliestMs(state), this.#refusalEndMs(state)) - this.#clock.monotonic());
  }

  /** How long to wait after a failed attempt, in milliseconds. `attempts` and `refusals` count this one. */
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
    // Near its end a certificate leaves time for few more requests, not for one each second.
    const minMs = clamp(lifetimeMs / 1_000, 1_000, 300_000);
    const retryAfterMs = Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs);
    const delayMs =
      this.kindOf(error) === 'refused'
        ? Math.max(minMs, terminalBackoffMs(refusals, leftMs, this.#random))
        : this.#transientDelayMs(error, lifetimeMs, { attempts, retryAfterMs });
    // While the certificate is valid the next attempt comes before its end, unless the server asks for more.
    const maxMs = leftMs === undefined || leftMs <= 0 ? Infinity : Math.max(minMs, retryAfterMs, leftMs / 4);
    return Math.min(grace + delayMs, maxMs);
  }

  #transientDelayMs(
    { reason = '' }: CertfleetError,
    lifetimeMs: number,
    { attempts, retryAfterMs }: { readonly attempts: number; readonly retryAfterMs: number },
  ): number {
    const backoff = backoffMs(transientBackoff(lifetimeMs), attempts, this.#random);
    return unansweredReasons.has(reason) ? Math.min(backoff, maxPendingRetryMs) : Math.max(backoff, retryAfterMs);
  }

  /**
   * Whether the present request is given up for one under a new name, because its issuer does not look at it: after a
   * part of the time that was left when it was sent, or when a person asks. A first request that waits for an approver is
   * kept: the pod loses nothing by waiting, and a person may have begun to look at it.
   */
  isRequestIgnored(state: AttemptState, isRequestedByPerson: boolean): boolean {
    const { record, marks } = state;
    const reason = record.lastFailure?.reason ?? '';
    if (marks.sentAtMs === undefined || !unansweredReasons.has(reason)) return false;
    const unansweredMs = this.#clock.monotonic() - marks.sentAtMs;
    if (isRequestedByPerson) return unansweredMs >= minUnansweredMs;
    if (record.issued === undefined && reason === 'RequestUnapproved') return false;
    const leftMs = record.issued === undefined ? undefined : this.leftMs(state) + unansweredMs;
    return unansweredMs >= replacementDelayMs(leftMs, record.request?.abandoned ?? 0);
  }

  /**
   * How long to keep the present certificate while a new one is not valid yet, in milliseconds; 0 to use the new one now.
   * Whose clock is wrong nobody knows, so half of the time for the renewal is kept in any case.
   */
  deferralMs(state: AttemptState, notBefore: Date): number {
    const { issued } = state.record;
    if (issued === undefined) return 0;
    const reserveMs = (issued.notAfter.getTime() - issued.renewAt.getTime()) / 2;
    const aheadMs = notBefore.getTime() - this.#clock.now();
    return Math.max(0, Math.min(aheadMs, this.leftMs(state) - reserveMs, maxDeferralMs));
  }

  /** What is left of the present certificate, measured from its issue on the monotonic clock; negative after its end. */
  leftMs({ record: { issued }, marks }: AttemptState): number {
    if (issued === undefined) return 0;
    const monotonicMs = this.#clock.monotonic();
    return usableMs(issued) - (monotonicMs - (marks.issuedAtMs ?? monotonicMs));
  }

  /** The end of the minimum interval after the last success, on the monotonic clock. */
  #earliestMs({ spec, record: { issued }, marks }: AttemptState): number {
    if (issued === undefined) return 0;
    // A backdated certificate lives shorter than it says; the lifetime that was asked for bounds what it can mean.
    const lifetimeMs = Math.min(lifetimeOf(issued), spec.durationMs);
    return (marks.issuedAtMs ?? this.#clock.monotonic()) + minimumIntervalMs(lifetimeMs);
  }

  /** The end of the wait after a final refusal; 0 when the last failure was none. */
  #refusalEndMs(state: AttemptState): number {
    const { record, marks } = state;
    const isRefused = (record.request?.refusals ?? 0) > 0 && refusedReasons.has(record.lastFailure?.reason ?? '');
    if (!isRefused) return 0;
    // The agent's own attempt comes later than the controller's job by the grace: the job must find the wait over. Near
    // the end of the certificate the wait is shorter than the grace, and a part of it is kept.
    const leftMs = this.leftMs(state);
    return (marks.retryAtMs ?? 0) - Math.min(this.#graceMs(record), leftMs > 0 ? leftMs / 8 : Infinity);
  }

  /** How much later than the controller's job the agent's own attempt comes. */
  #graceMs({ issued }: VolumeRecord): number {
    return issued !== undefined && this.#hasController ? jobGraceMs(issuedTimes(issued)) : 0;
  }

  #deadlineMs({ deferredUntil }: VolumeRecord, issued: IssuedFacts): number {
    if (!this.#hasController) return issued.renewAt.getTime();
    return fallbackRenewalAtMs(issuedTimes(issued), deferredUntil?.getTime());
  }

  /** A time of the present certificate's life on the monotonic clock: as far from its issue as it was then. */
  #onMonotonic(wallMs: number, { record: { issued }, marks }: AttemptState): number {
    const issuedAtMs = marks.issuedAtMs ?? this.#clock.monotonic();
    return issued === undefined ? issuedAtMs : issuedAtMs + Math.max(0, wallMs - issued.issuedAt.getTime());
  }
}

function lifetimeOf({ notBefore, notAfter }: IssuedFacts): number {
  return notAfter.getTime() - notBefore.getTime();
}

/** How much of its lifetime a certificate had left when it was issued. */
function usableMs({ notBefore, notAfter, issuedAt }: IssuedFacts): number {
  return Math.max(0, notAfter.getTime() - Math.max(notBefore.getTime(), issuedAt.getTime()));
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

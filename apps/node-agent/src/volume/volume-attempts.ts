import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Due } from '../renewal/renewal-scheduler.ts';
import { failureClock } from '../renewal/wall-clock.ts';
import type { VolumeRecord } from '../storage/volume-record.ts';
import type { AttemptPolicy } from './attempt-policy.ts';
import type { AttemptMarks, AttemptState } from './attempt-state.ts';

/** Dependencies of a volume's attempts. */
export interface VolumeAttemptsParts {
  readonly policy: AttemptPolicy;
  readonly clock: Clock;
  /** The present specification and record of the volume. */
  readonly volume: () => Pick<AttemptState, 'spec' | 'record'>;
}

/** A failed or deferred attempt. */
export interface FailedAttempt {
  readonly isRefused: boolean;
  readonly isDeferred: boolean;
  readonly at: Date;
  /** When the next attempt is allowed. */
  readonly retryAt: Date;
  /** Failed attempts since the last success, this one included. */
  readonly attempts: number;
  /** Milliseconds since the current request was sent or last seen without approval; undefined without a request. */
  readonly requestAgeMs: number | undefined;
}

/** The attempts of one volume to obtain a certificate: their number and times, kept in memory, under the shared policy. */
export class VolumeAttempts {
  readonly #policy: AttemptPolicy;
  readonly #clock: Clock;
  readonly #volume: VolumeAttemptsParts['volume'];
  #marks: AttemptMarks = {};
  #failed = 0;

  constructor({ policy, clock, volume }: VolumeAttemptsParts) {
    this.#policy = policy;
    this.#clock = clock;
    this.#volume = volume;
  }

  /** Failed attempts since the last success. */
  get failed(): number {
    return this.#failed;
  }

  /** Continues with the attempts of a record, after a restart or an issuance. */
  restore(record: VolumeRecord): void {
    this.#marks = this.#policy.restoredMarks(record);
    this.#failed = record.lastFailure?.attempts ?? 0;
  }

  requestSent(): void {
    this.#marks = { ...this.#marks, sentAtMs: this.#marks.sentAtMs ?? this.#clock.monotonic() };
  }

  requestAbandoned(): void {
    this.#marks = { ...this.#marks, sentAtMs: undefined };
  }

  /** Milliseconds since the current request was sent or last seen without approval; undefined if it was not sent. */
  get requestAgeMs(): number | undefined {
    const { sentAtMs } = this.#marks;
    return sentAtMs === undefined ? undefined : this.#clock.monotonic() - sentAtMs;
  }

  /** Evaluates a failed attempt; `attemptFailed` applies the result. */
  evaluate(error: CertfleetError): FailedAttempt {
    const kind = this.#policy.kindOf(error);
    const attempts = this.#failed + (kind === 'deferred' ? 0 : 1);
    const refusals = (this.#volume().record.request?.refusals ?? 0) + 1;
    const delayMs = this.#policy.retryDelayMs(this.#state, error, { attempts, refusals });
    const at = new Date(this.#clock.now());
    const retryAt = new Date(at.getTime() + delayMs);
    // Its issuer cannot answer it before the approval.
    const sentAgeMs = error.reason === 'RequestUnapproved' ? 0 : this.requestAgeMs;
    const requestAgeMs = kind === 'refused' ? undefined : sentAgeMs;
    return { isRefused: kind === 'refused', isDeferred: kind === 'deferred', at, retryAt, attempts, requestAgeMs };
  }

  attemptFailed({ isDeferred, at, retryAt, attempts, requestAgeMs }: FailedAttempt): void {
    const nowMs = this.#clock.monotonic();
    const retryAtMs = nowMs + (retryAt.getTime() - at.getTime());
    const sentAtMs = requestAgeMs === undefined ? undefined : nowMs - requestAgeMs;
    const deferredUntilMs = isDeferred ? retryAtMs : undefined;
    this.#marks = {
      ...this.#marks,
      sentAtMs,
      retryAtMs,
      deferredUntilMs,
      clock: failureClock(this.#clock, this.#marks.clock),
    };
    this.#failed = attempts;
  }

  /** When the volume is due; undefined while only the kubelet's next publish can start an attempt. */
  get due(): Due | undefined {
    return this.#policy.due(this.#state);
  }

  get isDue(): boolean {
    return this.#policy.isDue(this.#state);
  }

  /** Milliseconds until automatic renewals are allowed; requests of a person are always allowed. */
  get automaticWaitMs(): number {
    return this.#policy.automaticWaitMs(this.#state);
  }

  /**
   * Milliseconds for which a renewal cannot change anything: a readiness gate is closed, or the certificate is not valid
   * yet.
   */
  get deferredForMs(): number {
    return this.#policy.deferredForMs(this.#state);
  }

  /** Whether the minimum interval since the last success has not elapsed; only a person may renew now. */
  get isTooSoon(): boolean {
    return this.#policy.isTooSoon(this.#state);
  }

  /** Whether the wait after a final refusal has not elapsed. */
  get isBackingOff(): boolean {
    return this.#policy.isBackingOff(this.#state);
  }

  /** Whether to replace the current request because its issuer does not answer it. */
  isRequestIgnored(isRequestedByPerson: boolean): boolean {
    return this.#policy.isRequestIgnored(this.#state, isRequestedByPerson);
  }

  /** How long to keep the current certificate while a new one is not valid yet, in milliseconds. */
  deferralMs(notBefore: Date): number {
    return this.#policy.deferralMs(this.#state, notBefore);
  }

  get #state(): AttemptState {
    const { spec, record } = this.#volume();
    return { spec, record, marks: this.#marks };
  }
}

import type { Clock } from '@certfleet/shared/clock.ts';
import { jobGraceMs, localDeadlineMs } from '@certfleet/shared/certificate-times.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { backoffMs, transientBackoff } from '@certfleet/shared/renewal-policy.ts';
import type { IssuanceCause } from '../observability/agent-metrics.ts';
import type { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { IssuedFacts, VolumeRecord } from '../storage/volume-record.ts';
import { deadline } from './deadline.ts';
import { issuedTimes } from './issued-times.ts';
import type { ManagedVolume } from './managed-volume.ts';
import type { VolumeIssuance } from './volume-issuance.ts';
import type { VolumeReporter } from './volume-reporter.ts';

/** What renewals need. */
export interface VolumeRenewalsOptions {
  readonly issuance: VolumeIssuance;
  readonly scheduler: Pick<RenewalScheduler, 'schedule' | 'unschedule' | 'dueAt'>;
  readonly reporter: VolumeReporter;
  readonly clock: Clock;
  readonly issuanceTimeoutMs: number;
  readonly observeLag: (lagMs: number) => void;
  /** Whether a controller sends renewals as jobs: the agent then leaves each to it for a while. */
  readonly hasController: boolean;
}

/** Waiting for a gate has a back-off of its own, and has not failed: the wait goes on where the deadline ended it. */
const gateResumeMs = 1_000;
/** A request that waits for its approval is looked at again this soon: resuming it costs two small requests. */
const longestPendingPauseMs = 30_000;
/** However long a server asks to be left alone: a certificate must not expire for it. */
const longestRetryAfterMs = 60_000;

/** When each volume is issued again, and what happens then. The caller holds the volume's lock. */
export class VolumeRenewals {
  readonly #options: VolumeRenewalsOptions;

  constructor(options: VolumeRenewalsOptions) {
    this.#options = options;
  }

  /** Schedules the renewal, or the first issuance when the pod was let start without a certificate. */
  scheduleNext({ volumeId, record, spec }: ManagedVolume): void {
    const { scheduler, clock } = this.#options;
    const atMs = record.issued === undefined ? clock.now() : this.#deadlineMs(record, record.issued);
    scheduler.schedule(volumeId, new Date(atMs), issuerKey(spec));
  }

  /** Lets the agent's own deadline wait for the controller, which holds the renewal of the present certificate. */
  hold(volume: ManagedVolume, until: Date): void {
    const { record, store } = volume;
    if (record.heldUntil !== undefined && record.heldUntil >= until) return;
    // Written down: a restarted agent would otherwise renew at once what is held.
    volume.record = { ...record, heldUntil: until };
    store.writeRecord(volume.record);
    this.scheduleNext(volume);
  }

  unschedule({ volumeId }: ManagedVolume): void {
    this.#options.scheduler.unschedule(volumeId);
  }

  /** Whether the volume has its next time. One that is due has none until it was tried, by its deadline or by a job. */
  isScheduled({ volumeId }: ManagedVolume): boolean {
    return this.#options.scheduler.dueAt(volumeId) !== undefined;
  }

  /**
   * One try, well or badly; the next time is scheduled either way, unless `stopped` is aborted. Never rejects.
   * @returns why it failed, or undefined when it went well
   */
  async renew(
    volume: ManagedVolume,
    stopped: AbortSignal,
    cause: IssuanceCause = causeOf(volume),
  ): Promise<CertfleetError | undefined> {
    const { issuance, clock, issuanceTimeoutMs, observeLag } = this.#options;
    const dueAt = volume.record.issued?.renewAt;
    const ended = AbortSignal.any([stopped, volume.unpublished.signal]);
    try {
      using limit = deadline(clock, issuanceTimeoutMs, [ended]);
      await issuance.issue(volume, cause, limit.signal);
      if (dueAt !== undefined) observeLag(clock.now() - dueAt.getTime());
      this.scheduleNext(volume);
      return undefined;
    } catch (thrown) {
      const error = asCertfleetError(thrown);
      if (!ended.aborted) this.#retryLater(volume, cause, error);
      return error;
    }
  }

  #retryLater(volume: ManagedVolume, cause: IssuanceCause, error: CertfleetError): void {
    const { clock, reporter, scheduler } = this.#options;
    const { record } = volume;
    const { issued } = record;
    const lifetimeMs =
      issued === undefined ? volume.spec.durationMs : issued.notAfter.getTime() - issued.notBefore.getTime();
    const waitMs = waitAfter(error, backoffMs(transientBackoff(lifetimeMs), volume.failedAttempts));
    const retryAt = new Date(this.#afterController(record, clock.now() + waitMs));
    if (issued === undefined) reporter.issuanceFailed(volume, cause, error);
    else reporter.renewalFailed(volume, cause, error, { notAfter: issued.notAfter, retryAt });
    scheduler.schedule(volume.volumeId, retryAt, issuerKey(volume.spec));
  }

  /** The controller tries again as well, at the pace that the issuer's lane allows: it goes first here too. */
  #afterController({ issued, heldUntil }: VolumeRecord, atMs: number): number {
    if (issued === undefined || !this.#options.hasController) return atMs;
    const times = issuedTimes(issued);
    const waitsUntilMs = heldUntil === undefined ? 0 : localDeadlineMs(times, heldUntil.getTime());
    return Math.max(atMs + jobGraceMs(times), waitsUntilMs);
  }

  #deadlineMs({ heldUntil }: VolumeRecord, issued: IssuedFacts): number {
    if (!this.#options.hasController) return issued.renewAt.getTime();
    return localDeadlineMs(issuedTimes(issued), heldUntil?.getTime());
  }
}

/** How long to wait before the next try, of which the back-off says how long it would be. */
function waitAfter(error: CertfleetError, backoff: number): number {
  if (error.reason === 'GatePending') return gateResumeMs;
  if (error.reason === 'RequestPending') return Math.min(backoff, longestPendingPauseMs);
  return Math.max(backoff, Math.min(error.retryAfterMs ?? 0, longestRetryAfterMs));
}

/** Volumes whose renewals share an issuer's room. */
function issuerKey({ issuer, pod }: VolumeSpec): string {
  return `${issuer.group}/${issuer.kind}/${pod.namespace}/${issuer.name}`;
}

function causeOf({ failedAttempts, record }: ManagedVolume): IssuanceCause {
  if (record.issued === undefined) return 'mount';
  return failedAttempts > 0 ? 'retry' : 'deadline';
}

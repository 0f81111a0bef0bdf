import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import { backoffMs, renewalBackoff } from '../issuance/backoff.ts';
import type { IssuanceCause } from '../observability/agent-metrics.ts';
import type { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { IssuedFacts } from '../storage/volume-record.ts';
import { deadline } from './deadline.ts';
import type { ManagedVolume } from './managed-volume.ts';
import type { VolumeIssuance } from './volume-issuance.ts';
import type { VolumeReporter } from './volume-reporter.ts';

/** What renewals need. */
export interface VolumeRenewalsOptions {
  readonly issuance: VolumeIssuance;
  readonly scheduler: Pick<RenewalScheduler, 'schedule' | 'unschedule'>;
  readonly reporter: VolumeReporter;
  readonly clock: Clock;
  readonly issuanceTimeoutMs: number;
  readonly observeLag: (lagMs: number) => void;
  /** How long after renew-at the agent leaves the renewal to a job of the controller; 0 without a controller. */
  readonly graceMs: (issued: IssuedFacts) => number;
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
    const { scheduler, clock, graceMs } = this.#options;
    const { issued } = record;
    const atMs = issued === undefined ? clock.now() : issued.renewAt.getTime() + graceMs(issued);
    scheduler.schedule(volumeId, new Date(atMs), issuerKey(spec));
  }

  unschedule({ volumeId }: ManagedVolume): void {
    this.#options.scheduler.unschedule(volumeId);
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
    const { clock, reporter, scheduler, graceMs } = this.#options;
    const { issued } = volume.record;
    const lifetimeMs =
      issued === undefined ? volume.spec.durationMs : issued.notAfter.getTime() - issued.notBefore.getTime();
    const waitMs = waitAfter(error, backoffMs(renewalBackoff(lifetimeMs), volume.failedAttempts));
    // The controller tries again as well, at the pace that the issuer's lane allows: it goes first here too.
    const retryAt = new Date(clock.now() + waitMs + (issued === undefined ? 0 : graceMs(issued)));
    if (issued === undefined) reporter.issuanceFailed(volume, cause, error);
    else reporter.renewalFailed(volume, cause, error, { notAfter: issued.notAfter, retryAt });
    scheduler.schedule(volume.volumeId, retryAt, issuerKey(volume.spec));
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

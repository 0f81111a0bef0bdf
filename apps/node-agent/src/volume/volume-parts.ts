import type { Clock } from '@certfleet/shared/clock.ts';
import type { CertfleetError } from '@certfleet/shared/errors.ts';
import type { AttemptCause } from '@certfleet/fleet-model/issuance-causes.ts';
import type { RenewalScheduler } from '../renewal/renewal-scheduler.ts';
import type { Payload } from '../storage/payload.ts';
import type { VolumeTrust } from '../storage/volume-record.ts';
import type { VolumeStore } from '../storage/volume-store.ts';
import type { AttemptPolicy } from './attempt-policy.ts';
import type { IssuedCertificateFacts } from './issued-facts.ts';
import type { ReportedVolume } from './volume-reporter.ts';

/** Dependencies that all volumes of a node share. */
export interface VolumeParts {
  readonly store: VolumeStore;
  readonly policy: AttemptPolicy;
  readonly scheduler: Pick<RenewalScheduler, 'schedule' | 'unschedule' | 'isScheduled'>;
  readonly clock: Clock;
  /** Called when a write failed but the transition succeeded; the next transition repeats the write. */
  readonly onWriteFailed: (volume: ReportedVolume, error: CertfleetError) => void;
}

/** A verified certificate and the files to publish for it. */
export interface IssuedPayload {
  readonly payload: Payload;
  readonly certificate: IssuedCertificateFacts;
  /** Undefined if the CA file contains only the certificate's own CA. */
  readonly trust: VolumeTrust | undefined;
  readonly cause: AttemptCause;
}

import type { FailureClock } from '../renewal/wall-clock.ts';
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { VolumeRecord } from '../storage/volume-record.ts';

/** The part of a volume that determines its next attempt. */
export interface AttemptState {
  readonly spec: Pick<VolumeSpec, 'durationMs' | 'podVariables'>;
  readonly record: VolumeRecord;
  readonly marks: AttemptMarks;
}

/** Times on the monotonic clock, in milliseconds. They are lost when the process ends. */
export interface AttemptMarks {
  /** When the current certificate was issued; for a restored volume, according to its record. */
  readonly issuedAtMs?: number | undefined;
  /** End of the wait after the last failed or deferred attempt. */
  readonly retryAtMs?: number | undefined;
  /** End of the wait after a deferred attempt: a readiness gate is closed, or the certificate is not valid yet. */
  readonly deferredUntilMs?: number | undefined;
  /** The wall clock at the last failed attempt. */
  readonly clock?: FailureClock | undefined;
  /** When the current request was first sent, or last seen without approval. */
  readonly sentAtMs?: number | undefined;
}

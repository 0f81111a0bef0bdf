import type { VolumeChange } from './volume-change.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/** An automatic renewal that an agent refused for a while. */
export interface RenewalDeferral {
  readonly volumeId: string;
  /** The generation that was to be replaced. */
  readonly generation: number;
  /** For how long the agent refuses it, in milliseconds. */
  readonly waitMs: number;
}

/** Who acts on what agents report. Every call may come twice for the same thing, and from any replica. */
export interface ReportSink {
  /**
   * Volumes that a report changed, added or removed. What is counted is counted in one step with a field in the node's
   * outbox, so that a second call for the same batch counts nothing.
   * @param batch the id of the batch in the node's outbox (change-outbox-scripts.ts)
   */
  changed(changes: readonly VolumeChange[], batch: string): Promise<void>;
  /** Volumes that a snapshot named as they were known: what should be scheduled for them must be there. */
  confirmed(volumes: readonly IndexedVolume[]): Promise<void>;
  /** Renewals that the agent of a node refused for a while: their reports will not change by the jobs that it was given. */
  deferred(node: string, deferrals: readonly RenewalDeferral[]): Promise<void>;
  /** A node that left for good, after its volumes were told as removed. */
  forgotten(node: string): Promise<void>;
}

import type { VolumeChange } from './volume-change.ts';
import type { IndexedVolume } from './indexed-volume.ts';

/** An automatic renewal that an agent refused for a while. */
export interface RenewalDeferral {
  readonly volumeId: string;
  /** The generation to be replaced. */
  readonly generation: number;
  /** For how long the agent refuses it, in milliseconds. */
  readonly waitMs: number;
}

/** Processes the reports of agents. Every call may be repeated, from any replica. */
export interface ReportSink {
  /**
   * Volumes that a report changed, added or removed. Each count is recorded in one step with a field in the node's
   * outbox, so that a repeated call for the same batch counts nothing.
   * @param batch the id of the batch in the node's outbox (change-outbox-scripts.ts)
   */
  changed(changes: readonly VolumeChange[], batch: string): Promise<void>;
  /** Volumes that a snapshot reported without changes: their scheduled jobs must exist. */
  confirmed(volumes: readonly IndexedVolume[]): Promise<void>;
  /** Renewals that the agent of a node refused for a while: no report follows for these jobs. */
  deferred(node: string, deferrals: readonly RenewalDeferral[]): Promise<void>;
  /** A node that was removed, after its volumes were reported as removed. */
  forgotten(node: string): Promise<void>;
}

import type { AgentVolumeStatus } from '@certfleet/fleet-model/report-terms.ts';
import type { ServedState } from '@certfleet/fleet-model/vocabulary.ts';

/** Volumes that hold a certificate and should have another one by now. */
export interface VolumeUrgency {
  /** Past the fallback deadline of the agent, without a failed attempt. */
  readonly overdue: number;
  /** Of the time between renew-at and not-after half or less is left, but some. */
  readonly halfLeft: number;
  readonly quarterLeft: number;
}

/** What the gauges show, taken at each scrape. */
export interface MetricsSnapshot {
  readonly volumes: Readonly<Record<AgentVolumeStatus, number>>;
  readonly urgency: VolumeUrgency;
  /** Volumes that have waited five minutes or longer for their first certificate. */
  readonly withoutCertificate: number;
  /** Soonest not-after of all volumes; undefined when nothing is issued. */
  readonly soonestNotAfter: Date | undefined;
  readonly rsaKeysReady: number;
  /** Of the tmpfs that holds the volumes; undefined until it is mounted. */
  readonly tmpfs?: TmpfsUse | undefined;
  /** Volumes with a probe, by what their pods serve; undefined without probes. */
  readonly served?: Readonly<Record<ServedState, number>> | undefined;
}

/** How full the tmpfs of the volumes is. */
interface TmpfsUse {
  readonly freeBytes: number;
  readonly sizeBytes: number;
  readonly freeInodes: number;
  /** In all; 0 where there is no limit. */
  readonly inodes: number;
}

import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { BulkRenewals } from '../dispatch/bulk-renewals.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import type { ChangeKind } from '../fleet-index/model/followed-change.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { IntentEvent } from '../intent/intent-event.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { ApiActions } from './api-actions.ts';
import type { RenewalObject } from './renewal-object.ts';
import type { Outside } from './renewal-work-left.ts';
import type { SelectVolumes } from './volume-selector.ts';

export interface RenewalReconcilerParts {
  readonly store: IntentStore;
  readonly bulks: BulkRenewals;
  readonly view: () => FleetView;
  /** Whether the view follows the index. */
  readonly isViewCurrent: () => boolean;
  readonly readIndex: () => Promise<IndexState>;
  readonly selectVolumes: SelectVolumes;
  readonly audit: Pick<AuditLog, 'write'>;
  readonly apiActions: ApiActions;
  /** Records an Event; best effort, in the background. */
  readonly recordEvent: (object: RenewalObject, event: IntentEvent) => void;
  /** Notifies open pages. */
  readonly announce: (kinds: readonly ChangeKind[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After Redis has lost everything, nodes have this long to report before a selection is made, in milliseconds. */
  readonly settleMs: number;
}

/** What a replica remembers about a Renewal; can be lost. Times are monotonic. */
export interface RenewalMemory {
  /** Redis may have lost parts of the bulk renewal: compare everything and schedule it again. */
  isDoubtful: boolean;
  measuredAtMs: number;
  writtenAtMs: number;
  /** The last progress and its time. */
  progress: string;
  progressAtMs: number;
  /** Since when the selection waits for reports. */
  readonly seenAtMs: number;
  /** The bulk renewal whose suspension or stop is complete. */
  withdrawn: string;
  /** Of the last comparison with all reports. */
  outside: Outside;
}

/** Who acts when Kubernetes does not tell: its API has no record of the user of a change. */
export const kubernetesUser = 'Kubernetes API';

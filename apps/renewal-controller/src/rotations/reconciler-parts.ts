import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { IndexState } from '../fleet-index/index-state.ts';
import type { ChangeKind } from '../fleet-index/model/followed-change.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { IntentEvent } from '../intent/intent-event.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { ApiActions } from '../renewals/api-actions.ts';
import type { SelectVolumes } from '../renewals/volume-selector.ts';
import type { FleetCas } from './fleet-cas.ts';
import type { FollowedCertificates } from './gather-pod-certificates.ts';
import type { WorkloadRoller } from './workload-roller.ts';
import type { RotationObject } from './rotation-object.ts';

export interface RotationReconcilerParts {
  readonly store: IntentStore;
  readonly view: () => FleetView;
  /** Whether the view follows the index. */
  readonly isViewCurrent: () => boolean;
  readonly readIndex: () => Promise<IndexState>;
  readonly selectVolumes: SelectVolumes;
  readonly fleetCas: Pick<FleetCas, 'resolve'>;
  /** Undefined without Kubernetes. */
  readonly podCertificates?: FollowedCertificates | undefined;
  readonly roller?: Pick<WorkloadRoller, 'advance'>;
  readonly audit: Pick<AuditLog, 'write'>;
  readonly apiActions: ApiActions;
  /** Records an Event; best effort, in the background. */
  readonly recordEvent: (object: RotationObject, event: IntentEvent) => void;
  /** Notifies open pages. */
  readonly announce: (kinds: readonly ChangeKind[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A node without a heartbeat for this long is silent; nodes have this long to report after a loss of Redis. */
  readonly silentAfterMs: number;
}

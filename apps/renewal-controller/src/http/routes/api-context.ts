import type { Clock } from '@certfleet/shared/clock.ts';
import type { FastifyInstance } from 'fastify';
import type { RenewalDispatcher } from '../../dispatch/renewal-dispatcher.ts';
import type { AuditLog } from '../../audit/audit-log.ts';
import type { DescribeVolume } from '../../fleet-api/volume-descriptions.ts';
import type { ChangeKind } from '../../fleet-index/model/followed-change.ts';
import type { CaHistory } from '../../fleet-index/view/ca-history.ts';
import type { FleetView } from '../../fleet-index/view/fleet-view.ts';
import type { ReadPodEvents } from '../../kube/pod-events.ts';
import type { PodCertificates } from '../../pod-certificates/pod-certificate-view.ts';
import type { OperatorPauses } from '../../lane-intent/operator-pauses.ts';
import type { LanePermits } from '../../lanes/lane-permits.ts';
import type { LanePolicies } from '../../lanes/lane-policies.ts';
import type { RedisHealth } from '../../redis/redis-health.ts';
import type { ChangeFeed } from '../live/change-feed.ts';
import type { LaneDirectory } from '../views/lane-directory.ts';
import type { RenewalRequests } from '../../renewals/renewal-requests.ts';
import type { RotationRequests } from '../../rotations/rotation-requests.ts';
import type { SelectVolumes } from '../../renewals/volume-selector.ts';

export interface VolumeInspection {
  readonly view: () => FleetView;
  readonly describeVolume: DescribeVolume;
  readonly podEvents: ReadPodEvents;
}

export interface ApiContext extends VolumeInspection {
  readonly dispatcher: Pick<RenewalDispatcher, 'due' | 'history' | 'nodeQueues' | 'mark'>;
  readonly pauses: Pick<OperatorPauses, 'pause' | 'resume'>;
  readonly renewals: RenewalRequests;
  readonly rotations: RotationRequests;
  readonly lanes: LaneDirectory;
  readonly caHistory: Pick<CaHistory, 'hours'>;
  readonly audit: AuditLog;
  readonly feed: ChangeFeed;
  /** Notifies open pages of a change that no agent report announces. */
  readonly announce: (kinds: readonly ChangeKind[]) => Promise<void>;
  readonly policies: LanePolicies;
  readonly permits: Pick<LanePermits, 'ask'>;
  readonly selectVolumes: SelectVolumes;
  readonly redisHealth: () => RedisHealth;
  /** Whether the view of the fleet is current. */
  readonly isIndexCurrent: () => boolean;
  /** Why pauses of lanes may be unknown or outdated; undefined if they are not. */
  readonly intentProblem: () => string | undefined;
  /** Undefined if the controller does not follow pod certificates. */
  readonly podCertificates: () => PodCertificates | undefined;
  readonly silentAfterMs: number;
  /** Keys of the labels of pods that agents report. */
  readonly podLabels: readonly string[];
  /** Name of the cluster; undefined if it has none. */
  readonly cluster: string | undefined;
  readonly clock: Clock;
}

export type Api = FastifyInstance;

/** Config of routes that need the right `view`. */
export const view = { config: { right: 'view' } } as const;

/** Config of routes that need the right `renew`. */
export const renew = { config: { right: 'renew' } } as const;

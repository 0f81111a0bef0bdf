import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { LaneTime } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { RedisConnections } from '../redis/redis-connections.ts';
import type { DispatchObserver } from './dispatch-observer.ts';

export interface RenewalDispatcherParts {
  readonly connections: RedisConnections;
  /** The prefix of every key; equal in all replicas. */
  readonly prefix: string;
  readonly policies: LanePolicies;
  /** The view from which bulk renewals select volumes. */
  readonly view: () => FleetView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer?: DispatchObserver;
  /** Jobs that this process handles concurrently. */
  readonly concurrency?: number;
  /** The time of the lanes; default: the time of the Redis server. */
  readonly laneTime?: LaneTime;
  /** A node without a heartbeat for this long receives no renewals; default: five minutes. */
  readonly silentAfterMs?: number;
  /** Whether a bulk renewal, by its id, is known to be in force; default: all are. */
  readonly isRequestInForce?: (bulk: string) => boolean;
}

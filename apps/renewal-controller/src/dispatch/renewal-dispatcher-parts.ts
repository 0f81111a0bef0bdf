import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { LaneTime } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { RedisConnections } from '../redis/redis-connections.ts';
import type { DispatchObserver } from './dispatch-observer.ts';

/** What a dispatcher stands on. */
export interface RenewalDispatcherParts {
  readonly connections: RedisConnections;
  /** The prefix of every key; the same in all replicas. */
  readonly prefix: string;
  readonly policies: LanePolicies;
  /** The view from which renewals on demand are selected. */
  readonly view: () => FleetView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer?: DispatchObserver;
  /** Jobs in hand at once in this process. */
  readonly concurrency?: number;
  /** Time as lanes see it; the Redis server's unless a test gives its own. */
  readonly laneTime?: LaneTime;
  /** After which time without a word of its agent a node gets no renewals; five minutes unless given. */
  readonly silentAfterMs?: number;
}

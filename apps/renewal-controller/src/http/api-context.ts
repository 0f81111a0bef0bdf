import type { Clock } from '@certfleet/shared/clock.ts';
import type { FastifyInstance } from 'fastify';
import type { RenewalDispatcher } from '../dispatch/renewal-dispatcher.ts';
import type { FleetView } from '../fleet-index/fleet-view.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { RedisHealth } from '../redis/redis-probe.ts';
import type { LaneDirectory } from './lane-directory.ts';
import type { SelectVolumes } from './volume-selector.ts';

/** What the routes work with. */
export interface ApiContext {
  readonly view: () => FleetView;
  readonly dispatcher: Pick<RenewalDispatcher, 'bulks' | 'due' | 'nodeQueues' | 'pauseLane' | 'resumeLane'>;
  readonly lanes: LaneDirectory;
  readonly policies: LanePolicies;
  readonly selectVolumes: SelectVolumes;
  readonly redisHealth: () => RedisHealth;
  readonly silentAfterMs: number;
  readonly clock: Clock;
}

/** The API as fastify knows it. */
export type Api = FastifyInstance;

/** Routes for those who may look. */
export const view = { config: { right: 'view' } } as const;

/** Routes for those who may have volumes renewed and lanes held. */
export const renew = { config: { right: 'renew' } } as const;

import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { AuditLog } from './audit/audit-log.ts';
import type { RenewalDispatcher } from './dispatch/renewal-dispatcher.ts';
import { announceChanges } from './fleet-index/write/announce-changes.ts';
import type { ApiContext } from './http/routes/api-context.ts';
import { LaneDirectory } from './http/views/lane-directory.ts';
import { volumeSelector } from './http/views/volume-selector.ts';
import { operatorsClient } from './identity/operators-client.ts';
import { podEventReader } from './kube/pod-events.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';

export interface ApiContextParts extends Pick<
  ApiContext,
  'view' | 'feed' | 'policies' | 'pauses' | 'describeVolume' | 'silentAfterMs' | 'clock'
> {
  readonly client: KubeClient | undefined;
  readonly connections: RedisConnections;
  readonly keys: RedisKeys;
  readonly dispatcher: RenewalDispatcher;
  readonly log: Logger;
}

/** Creates the dependencies of the operators' API. */
export function createApiContext({ client, connections, keys, log, ...parts }: ApiContextParts): ApiContext {
  const { dispatcher, policies, view, feed, clock } = parts;
  const redis = connections.commands;
  const operators = operatorsClient(client, log);
  // Best effort: the operator's action is complete even if the announcement fails.
  const announce: ApiContext['announce'] = (kinds) => announceChanges(redis, keys, kinds).catch(() => undefined);
  return {
    ...parts,
    lanes: new LaneDirectory({ lanes: dispatcher.lanes, policies, view, feed, clock }),
    audit: new AuditLog({ redis, keys, log, announce: () => announce(['audit']), clock }),
    announce,
    redisHealth: () => connections.health,
    selectVolumes: volumeSelector(operators),
    podEvents: podEventReader(operators),
  };
}

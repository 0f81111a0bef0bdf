import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ControllerConfig } from './config.ts';
import type { RenewalDispatcher } from './dispatch/renewal-dispatcher.ts';
import { postureLimits } from './fleet-index/view/posture-limits.ts';
import type { PostureLimit } from './fleet-index/view/posture-limits.ts';
import type { ApiServerOptions } from './http/api-server.ts';
import type { ApiContext } from './http/routes/api-context.ts';
import { pageDirectory } from './http/routes/page-files.ts';
import { LaneDirectory } from './http/views/lane-directory.ts';
import { operatorsClient } from './identity/operators-client.ts';
import { podEventReader } from './kube/pod-events.ts';
import { LanePermits } from './lanes/lane-permits.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';

export interface ApiContextParts extends Pick<
  ApiContext,
  | 'view'
  | 'feed'
  | 'policies'
  | 'pauses'
  | 'describeVolume'
  | 'silentAfterMs'
  | 'clock'
  | 'audit'
  | 'announce'
  | 'selectVolumes'
  | 'renewals'
  | 'rotations'
  | 'cluster'
  | 'podLabels'
  | 'isIndexCurrent'
  | 'intentProblem'
  | 'caHistory'
  | 'podCertificates'
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
  return {
    ...parts,
    lanes: new LaneDirectory({ lanes: dispatcher.lanes, policies, view, feed, clock }),
    permits: new LanePermits({
      ...{ redis: connections.commands, keys, lanes: dispatcher.lanes },
      promoteJobs: (promotions) => dispatcher.due.promoteJobs(promotions),
      isOpen: () => dispatcher.isOpen,
    }),
    redisHealth: () => connections.health,
    podEvents: podEventReader(operatorsClient(client, log)),
  };
}

/** What the flags say about the fleet as a whole. */
export function fleetSettings(config: ControllerConfig): Pick<ApiContext, 'cluster' | 'podLabels'> {
  return { cluster: config['cluster-name'], podLabels: config['pod-label'] };
}

/** The limits for certificates that the flags set. */
export function configuredPostureLimits(config: ControllerConfig): readonly PostureLimit[] {
  return postureLimits({
    minRsaBits: config['posture-min-rsa-bits'],
    refusedSignatures: config['posture-refused-signature'],
    maxLifetime: config['posture-max-lifetime'],
    allowCa: config['posture-allow-ca'],
  });
}

/** The flags of the operators' API that need no service. */
export function apiSettings(
  config: ControllerConfig,
): Pick<ApiServerOptions, 'requestsPerMinute' | 'trustedProxies' | 'pageDirectory' | 'runbookUrl'> {
  return {
    requestsPerMinute: config['api-rate-limit'],
    trustedProxies: config['api-trusted-proxies'],
    pageDirectory: pageDirectory(config['page-directory']),
    runbookUrl: config['runbook-url'],
  };
}

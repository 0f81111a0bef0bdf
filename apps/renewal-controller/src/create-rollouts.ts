import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ControllerConfig } from './config.ts';
import type { FleetFollower } from './fleet-index/view/fleet-follower.ts';
import { requireKube } from './identity/kube-client.ts';
import { takeLease } from './redis/lease.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';
import { RolloutApi } from './rollouts/rollout-api.ts';
import { RolloutReconciler } from './rollouts/rollout-reconciler.ts';
import type { RolloutObserver } from './rollouts/rollout-reconciler.ts';

/** Longer than two passes. */
const leaseMs = 60_000;

export interface RolloutsParts {
  readonly config: Pick<ControllerConfig, 'rollouts' | 'rollouts-per-minute' | 'namespace-rollouts-per-minute'>;
  readonly client: Pick<KubeClient, 'request'> | undefined;
  readonly connections: Pick<RedisConnections, 'commands'>;
  readonly keys: Pick<RedisKeys, 'roller'>;
  readonly follower: Pick<FleetFollower, 'view' | 'isCurrent'>;
  readonly replica: string;
  readonly observe: RolloutObserver;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What rolls workloads after renewals; undefined unless it is enabled.
 * @throws CertfleetError invalid-argument without Kubernetes
 */
export function createRollouts(parts: RolloutsParts): RolloutReconciler | undefined {
  const { config, client, connections, keys, follower, replica, observe, clock, log } = parts;
  if (!config.rollouts) return undefined;
  return new RolloutReconciler({
    api: new RolloutApi({ client: requireKube(client, '--rollouts'), replica, clock, log }),
    volumes: () => follower.view.volumes(),
    isCurrent: () => follower.isCurrent,
    hasLease: () => takeLease(connections.commands, keys.roller, { replica, leaseMs }),
    perMinute: { fleet: config['rollouts-per-minute'], namespace: config['namespace-rollouts-per-minute'] },
    observe,
    clock,
    log,
  });
}

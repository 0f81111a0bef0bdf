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
import { RolloutPace } from './rollouts/rollout-pace.ts';
import { RolloutReconciler } from './rollouts/rollout-reconciler.ts';
import type { RolloutObserver, RolloutReconcilerParts } from './rollouts/rollout-reconciler.ts';

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

/** What all rollouts of a replica share: one replica makes them, at one pace. */
export type RolloutAccess = Pick<RolloutReconcilerParts, 'hasLease' | 'pace'> & { readonly api: RolloutApi };

/**
 * The access of rollouts to the API server; undefined unless they are enabled.
 * @throws CertfleetError invalid-argument without Kubernetes
 */
export function rolloutAccess(parts: Omit<RolloutsParts, 'follower' | 'observe'>): RolloutAccess | undefined {
  const { config, client, connections, keys, replica, clock, log } = parts;
  if (!config.rollouts) return undefined;
  const perMinute = { fleet: config['rollouts-per-minute'], namespace: config['namespace-rollouts-per-minute'] };
  return {
    api: new RolloutApi({ client: requireKube(client, '--rollouts'), replica, clock, log }),
    hasLease: () => takeLease(connections.commands, keys.roller, { replica, leaseMs }),
    pace: new RolloutPace(perMinute, clock),
  };
}

/**
 * What rolls workloads after renewals; undefined unless it is enabled.
 * @throws CertfleetError invalid-argument without Kubernetes
 */
export function createRollouts(
  parts: RolloutsParts,
  access: RolloutAccess | undefined = rolloutAccess(parts),
): RolloutReconciler | undefined {
  const { follower, observe, clock, log } = parts;
  return (
    access &&
    new RolloutReconciler({
      ...access,
      volumes: () => follower.view.volumes(),
      isCurrent: () => follower.isCurrent,
      observe,
      clock,
      log,
    })
  );
}

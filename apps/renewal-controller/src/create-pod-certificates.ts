import type { Clock } from '@certfleet/shared/clock.ts';
import type { KubeClient } from '@certfleet/shared/kube/api-client.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { ControllerConfig } from './config.ts';
import { announceChanges } from './fleet-index/write/announce-changes.ts';
import { requireKube } from './identity/kube-client.ts';
import { PodCertificateCollector } from './pod-certificates/pod-certificate-collector.ts';
import { PodCertificateStore } from './pod-certificates/pod-certificate-store.ts';
import { PodCertificateView } from './pod-certificates/pod-certificate-view.ts';
import type { PodCertificates } from './pod-certificates/pod-certificate-view.ts';
import type { RedisConnections } from './redis/redis-connections.ts';
import type { RedisKeys } from './redis/redis-keys.ts';

export interface PodCertificatesParts {
  readonly config: Pick<ControllerConfig, 'pod-certificates'>;
  readonly client: KubeClient | undefined;
  readonly connections: Pick<RedisConnections, 'commands' | 'onReplaced' | 'onStateLoss'>;
  readonly keys: RedisKeys;
  readonly replica: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The pod certificates of the cluster, as a replica of the controller knows them. */
export interface FollowedPodCertificates {
  readonly current: PodCertificates;
  start(): void;
  stop(): Promise<void>;
}

/**
 * What follows the pod certificates of the cluster; undefined unless it is enabled.
 * @throws CertfleetError invalid-argument without Kubernetes
 */
export function createPodCertificates(parts: PodCertificatesParts): FollowedPodCertificates | undefined {
  const { config, connections, keys, replica, clock, log } = parts;
  if (!config['pod-certificates']) return undefined;
  const client = requireKube(parts.client, '--pod-certificates');
  const redis = connections.commands;
  const store = new PodCertificateStore({ redis, keys, replica });
  const view = new PodCertificateView({ store, clock, log });
  // Best effort: pages ask again by themselves.
  const announce = (): Promise<unknown> => announceChanges(redis, keys, ['pod-certificates']).catch(() => undefined);
  const collector = new PodCertificateCollector({ client, store, announce, clock, log });
  const doubtStore = (): void => {
    view.readAgain();
    collector.storeLost();
  };
  connections.onReplaced(doubtStore);
  connections.onStateLoss(doubtStore);
  return {
    get current() {
      return view.current;
    },
    start: () => {
      view.start();
      collector.start();
    },
    stop: async () => {
      await collector.stop();
      await view.stop();
    },
  };
}

import { connectExternalCluster } from './external-cluster.ts';
import { startLocalCluster } from './start-local.ts';
import type { Cluster, ClusterOptions } from './types.ts';

export type { Cluster, ClusterOptions } from './types.ts';

/**
 * A Kubernetes for a test: a new one on this machine, or the one that CERTFLEET_E2E_KUBECONFIG names. The caller stops
 * it; one whose process was killed first is removed by the next start.
 */
export function startCluster(options: ClusterOptions): Promise<Cluster> {
  const kubeconfig = process.env['CERTFLEET_E2E_KUBECONFIG'];
  return kubeconfig === undefined || kubeconfig === ''
    ? startLocalCluster(options)
    : connectExternalCluster(kubeconfig, options);
}

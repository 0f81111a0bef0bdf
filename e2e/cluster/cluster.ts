import { connectExternalCluster } from './external-cluster.ts';
import { startLocalCluster } from './start-local.ts';
import type { Cluster, ClusterOptions } from './types.ts';

export type { Cluster, ClusterOptions } from './types.ts';

/**
 * A Kubernetes cluster for a test: a new one on this machine, or the one of CERTFLEET_E2E_KUBECONFIG. The caller stops
 * it; if its process is killed, the next start removes it.
 */
export function startCluster(options: ClusterOptions): Promise<Cluster> {
  const kubeconfig = process.env['CERTFLEET_E2E_KUBECONFIG'];
  return kubeconfig === undefined || kubeconfig === ''
    ? startLocalCluster(options)
    : connectExternalCluster(kubeconfig, options);
}

import type { Cluster, ClusterOptions } from './types.ts';
export function connectExternalCluster(kubeconfig: string, options: ClusterOptions): Promise<Cluster> {
  return Promise.reject(new Error(`todo ${kubeconfig} ${options.nodes}`));
}

import type { Cluster } from '../../cluster/cluster.ts';
import { releaseNamespace } from './release.ts';

/** Where the node keeps a second link to the log of each container of the release, so that it outlives the pod. */
const folder = '/var/log/certfleet-kept';

/** The kubelet removes a pod's log with the pod; a second link keeps it, with what is still to be written. */
export async function keepLogs(cluster: Cluster): Promise<void> {
  if (!cluster.capabilities.node) return;
  const link = `mkdir -p ${folder}; for f in /var/log/pods/${releaseNamespace}_*/*/*.log; do
    [ -f "$f" ] && ln -f "$f" "${folder}/$(echo "$f" | tr / _)"; done; true`;
  await cluster.exec('sh', ['-c', link]);
}

/** Everything that the containers of that name (`node-agent`) have logged so far. */
export async function readKeptLogs(cluster: Cluster, container: string): Promise<string> {
  await keepLogs(cluster);
  return (await cluster.exec('sh', ['-c', `cat ${folder}/*_"$0"_*.log 2>/dev/null || true`, container])).stdout;
}

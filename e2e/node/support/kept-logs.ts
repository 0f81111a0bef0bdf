import type { Cluster } from '../../cluster/cluster.ts';
import { releaseNamespace } from './release.ts';

/** The directory with second links to the container logs of the release, which outlive the pods. */
const folder = '/var/log/certfleet-kept';

/** The kubelet removes a pod's log with the pod; a second link keeps it, including later lines. */
export async function keepLogs(cluster: Cluster): Promise<void> {
  if (!cluster.capabilities.node) return;
  const link = `mkdir -p ${folder}; for f in /var/log/pods/${releaseNamespace}_*/*/*.log; do
    [ -f "$f" ] && ln -f "$f" "${folder}/$(echo "$f" | tr / _)"; done; true`;
  await cluster.exec('sh', ['-c', link]);
}

/** All logs of the containers with that name (`node-agent`) so far. */
export async function readKeptLogs(cluster: Cluster, container: string): Promise<string> {
  await keepLogs(cluster);
  return (await cluster.exec('sh', ['-c', `cat ${folder}/*_"$0"_*.log 2>/dev/null || true`, container])).stdout;
}

import type { Cluster } from '../../cluster/cluster.ts';
import type { PodObject } from './pods.ts';
import { createHash } from 'node:crypto';

/** The chart's default data directory on the host. */
export const volumesRoot = '/var/lib/certfleet/certfleet';

/** The kubelet's id of a pod's inline volume. */
export function volumeIdOf(pod: PodObject, volume: string): string {
  return `csi-${createHash('sha256').update(`${pod.metadata.uid}${volume}`).digest('hex')}`;
}

/** Names in a directory of the node; empty without such a directory. */
export async function namesIn(cluster: Cluster, folder: string): Promise<readonly string[]> {
  const { stdout } = await cluster.exec('sh', ['-c', `ls -A "$0" 2>/dev/null || true`, folder]);
  return stdout.split('\n').filter((name) => name !== '');
}

/** Mount points of the node. */
export async function mountPoints(cluster: Cluster): Promise<readonly string[]> {
  const { stdout } = await cluster.exec('cat', ['/proc/self/mountinfo']);
  return stdout.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
}

/** Paths of the node that still belong to this pod: the agent's volumes, the kubelet's directories, mounts. */
export async function tracesOfPod(cluster: Cluster, pod: PodObject): Promise<readonly string[]> {
  const ids = pod.spec.volumes.filter(({ csi }) => csi !== undefined).map(({ name }) => volumeIdOf(pod, name));
  const volumes = (await namesIn(cluster, volumesRoot)).filter((name) => ids.some((id) => name.includes(id)));
  const folders = (await namesIn(cluster, '/var/lib/kubelet/pods')).filter((name) => name === pod.metadata.uid);
  const mounts = (await mountPoints(cluster)).filter(
    (path) => path.includes(pod.metadata.uid) || ids.some((id) => path.includes(id)),
  );
  return [...volumes, ...folders, ...mounts];
}

import type { Cluster } from '../../cluster/cluster.ts';
import { volumeIdOf, volumesRoot } from './node-state.ts';
import type { PodObject } from './pods.ts';

/**
 * A bind mount has the flags of the mount that it was made from, also where it is propagated: in the agent's container.
 * The copy is private, because otherwise the second mount would also appear on the copy.
 */
const freeze = `
copy=$(mktemp -d) && mount --bind "$0" "$copy" && mount --make-private "$copy" && mount -o remount,bind,ro "$copy" &&
  mount --bind "$copy" "$0" && umount "$copy" && rmdir "$copy"`;

/**
 * Makes the files of a pod's first volume read-only for the agent. Its record, and the mount that the pod sees, stay as
 * they are. @returns what ends it
 */
export async function freezeVolume(cluster: Cluster, pod: PodObject): Promise<() => Promise<void>> {
  const volume = pod.spec.volumes.find(({ csi }) => csi !== undefined)?.name ?? '';
  const path = `${volumesRoot}/${volumeIdOf(pod, volume)}/data`;
  await cluster.exec('sh', ['-c', freeze, path]);
  let isFrozen = true;
  return async () => {
    if (isFrozen) await cluster.exec('umount', ['--lazy', path]);
    isFrozen = false;
  };
}

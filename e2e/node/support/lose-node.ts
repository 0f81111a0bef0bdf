import type { Cluster } from '../../cluster/cluster.ts';
import { waitUntil } from '../../cluster/wait.ts';
import { volumesRoot } from './node-state.ts';

/** containerd's state of running containers, which is in memory on a real machine. */
const tasks = '/run/containerd/io.containerd.runtime.v2.task/k8s.io';

/**
 * Each container's first process and its parent, the shim that would report its end; both from the pids that containerd
 * recorded on this node.
 */
const killContainers = `
for file in ${tasks}/*/init.pid; do
  [ -f "$file" ] || continue
  pid=$(cat "$file")
  [ -d "/proc/$pid" ] || continue
  shim=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
  case $(cat "/proc/$shim/comm" 2>/dev/null) in containerd-shim*) kill -KILL "$shim" ;; esac
  kill -KILL "$pid"
done
true`;

/** A restart removes the mounts below these directories and the files of the last ones. */
const unmountAll = `
awk '{ print $5 }' /proc/self/mountinfo | grep -E '^(/var/lib/kubelet/pods|${volumesRoot}|/run/containerd|/run/netns)(/|$)' |
  sort -r | while read -r path; do umount -l "$path"; done
rm -rf /run/containerd /run/netns`;

/** Left behind, each group of an ended container would delay the kubelet's next start by seconds. */
const removeGroups = `
find /sys/fs/cgroup/*/"$0"/kubepods /sys/fs/cgroup/"$0"/kubepods -depth -type d -exec rmdir {} + 2>/dev/null
! ls -d /sys/fs/cgroup/*/"$0"/kubepods /sys/fs/cgroup/"$0"/kubepods 2>/dev/null | grep -q .`;

/**
 * Ends all processes of the node at once and deletes its memory-backed files. Start containerd and the kubelet
 * afterwards.
 */
export async function loseNode(cluster: Cluster): Promise<void> {
  await Promise.all([cluster.kubelet.kill('SIGKILL'), cluster.containerd.kill('SIGKILL')]);
  await cluster.exec('sh', ['-c', killContainers]);
  await cluster.exec('sh', ['-c', unmountAll]);
  const groupsAreGone = (): Promise<boolean> =>
    cluster.exec('sh', ['-c', removeGroups, cluster.nodeName]).then(
      () => true,
      () => false,
    );
  // An ended process may keep its group busy for a moment.
  await waitUntil('the cgroups of the pods to go', groupsAreGone, { timeoutMs: 10_000 });
}

import { readFileSync } from 'node:fs';

/** A container of a pod, as the API server names it. */
export interface ContainerRef {
  readonly podUid: string;
  readonly containerId: string;
}

/** The files of one process in /proc. */
export interface ProcessFiles {
  readonly cgroup: string;
  readonly status: string;
}

/**
 * Segments of a cgroup's path: the pod, then the container. The kubelet writes the pod's UID with dashes (cgroupfs) or
 * underscores (systemd). Runtimes write the container's id alone (containerd with cgroupfs), as
 * `cri-containerd-ID.scope`, `crio-ID[.scope]` or `docker-ID.scope`, or as `SLICE:cri-containerd:ID` if the kubelet uses
 * systemd and the runtime does not. An id is hexadecimal.
 */
const containerPath =
  /(?:^|[/-])pod([\w-]+)(?:\.slice)?[/:](?:[a-z]+(?:-[a-z]+)*[-:])?([0-9a-f]{8,})(?:\.scope)?(?=\/|$)/g;

/** The container of a process, by the text of /proc/PID/cgroup of cgroup version 1, 2 or both. */
export function containerOf(cgroup: string): ContainerRef | undefined {
  for (const line of cgroup.split('\n')) {
    // hierarchy:controllers:path
    const path = line.split(':').slice(2).join(':');
    // The last one: a node that is a container itself has the path of that container before its own.
    const [, podUid = '', containerId = ''] = [...path.matchAll(containerPath)].at(-1) ?? [];
    if (containerId !== '') return { podUid: podUid.replaceAll('_', '-'), containerId };
  }
  return undefined;
}

/** The numbers of a process in its PID namespaces, the outermost first, by the text of /proc/PID/status. */
function numbersOf(status: string): readonly number[] {
  return (/^NSpid:\s*([\d\t ]+)$/m.exec(status)?.[1] ?? '').trim().split(/\s+/).map(Number);
}

/**
 * Whether a process is process 1 of that container: it is in the container's cgroup or below it, and is number 1 in a PID
 * namespace whose parent is the namespace of this agent. So neither a process of a container that shares a PID namespace
 * nor one of a container in the container is.
 * @param ownStatus /proc/self/status, if /proc shows the node's processes
 */
export function isContainerInit(
  { cgroup, status }: ProcessFiles,
  { podUid, containerId }: ContainerRef,
  ownStatus: string,
): boolean {
  const container = containerOf(cgroup);
  if (container?.containerId !== containerId || container.podUid !== podUid) return false;
  const numbers = numbersOf(status);
  return numbers.length === numbersOf(ownStatus).length + 1 && numbers.at(-1) === 1;
}

/** The files of a process, each read when it is used; empty if the process is gone. */
export function readProcess(procPath: string, pid: number | 'self'): ProcessFiles {
  const read = (name: string): string => {
    try {
      return readFileSync(`${procPath}/${pid}/${name}`, 'latin1');
    } catch {
      return '';
    }
  };
  const cgroup = read('cgroup');
  return {
    cgroup,
    get status() {
      return read('status');
    },
  };
}

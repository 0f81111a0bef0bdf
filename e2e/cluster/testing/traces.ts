import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { listCgroups } from '../cgroup.ts';
import type { Cluster } from '../cluster.ts';
import { identify } from '../process-identity.ts';
import { clusterDirectory } from '../record.ts';

/** How to recognise the remains of a cluster. */
export interface ClusterMarks {
  readonly name: string;
  /** Its network namespace and, for a full one, its mount namespace, in the kernel's notation. */
  readonly namespaces: readonly string[];
}

/** Records the identifying marks of a running cluster. */
export async function marksOf(cluster: Pick<Cluster, 'name' | 'exec'>): Promise<ClusterMarks> {
  const { stdout } = await cluster.exec('readlink', ['/proc/self/ns/net', '/proc/self/ns/mnt']);
  const ownMounts = await readlink('/proc/self/ns/mnt');
  return {
    name: cluster.name,
    namespaces: stdout
      .trim()
      .split('\n')
      .filter((namespace) => namespace !== ownMounts),
  };
}

/** Everything on this machine that belongs to a cluster, one line each; empty after an orderly end. */
export async function tracesOf({ name, namespaces }: ClusterMarks): Promise<string[]> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter((line) => line.includes(name));
  const hierarchies = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .flatMap((line) => (/ cgroup2? /.test(line) ? [line.split(' ')[1] ?? ''] : []));
  const cgroups = (await Promise.all(hierarchies.map((path) => exists(join(path, name))))).filter(Boolean);
  return [
    ...mounts.map((line) => `mount ${line}`),
    ...cgroups.map((path) => `cgroup ${String(path)}`),
    ...(await listCgroups()).filter((group) => group === name).map((group) => `cgroup ${group}`),
    ...((await exists(clusterDirectory(name))) === null ? [] : [`directory ${clusterDirectory(name)}`]),
    ...(await processesOf(name, namespaces)),
  ];
}

async function processesOf(name: string, namespaces: readonly string[]): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry));
  const found = await Promise.all(
    pids.map(async (pid) => {
      // A process may exit in between.
      const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
      const links = ['net', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`).catch(() => ''));
      // A zombie holds no resources: it only waits for its parent.
      if (identify(Number(pid)) === null) return [];
      const belongs = cgroup.includes(name) || (await Promise.all(links)).some((link) => namespaces.includes(link));
      return belongs ? [`process ${pid} ${await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')}`] : [];
    }),
  );
  return found.flat();
}

async function exists(path: string): Promise<string | null> {
  return stat(path).then(
    () => path,
    () => null,
  );
}

import { open, readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { listCgroups } from '../cgroup.ts';
import { identify } from '../process-identity.ts';
import { clusterDirectory, readRecord } from '../record.ts';

/** How to recognise the remains of a cluster. */
export interface ClusterMarks extends AsyncDisposable {
  readonly name: string;
  /**
   * Its network namespace and, for a full one, its mount namespace, in the kernel's notation. They are kept open: the
   * kernel gives the number of a namespace that ended to the next one, which may be another test's.
   */
  readonly namespaces: readonly string[];
}

/** Records the identifying marks of the named cluster while its namespaces exist. */
export async function marksOf(name: string): Promise<ClusterMarks> {
  const holder = (await readRecord(name))?.namespaceHolder ?? null;
  if (holder === null) throw new Error(`the record of ${name} names no process that holds its namespaces`);
  const ownMounts = await readlink('/proc/self/ns/mnt');
  await using kept = new AsyncDisposableStack();
  const namespaces: string[] = [];
  for (const kind of ['net', 'mnt']) {
    const path = `/proc/${holder.pid}/ns/${kind}`;
    kept.use(await open(path));
    const namespace = await readlink(path);
    if (namespace !== ownMounts) namespaces.push(namespace);
  }
  const handles = kept.move();
  return { name, namespaces, [Symbol.asyncDispose]: () => handles.disposeAsync() };
}

/** Everything on this machine that belongs to a cluster, one line each; empty after an orderly end. */
export async function tracesOf({ name, namespaces }: Pick<ClusterMarks, 'name' | 'namespaces'>): Promise<string[]> {
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

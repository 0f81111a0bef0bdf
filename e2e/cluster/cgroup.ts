import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { waitUntil } from './wait.ts';

interface Hierarchy {
  readonly path: string;
  readonly version: 1 | 2;
}

function hierarchies(): readonly Hierarchy[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.flatMap((line): Hierarchy[] => {
    const [, path = '', type] = line.split(' ');
    if (type === 'cgroup') return [{ path, version: 1 }];
    return type === 'cgroup2' ? [{ path, version: 2 }] : [];
  });
}

/**
 * The hierarchy that tracks the processes of a cluster. Membership is inherited, so it includes processes that a
 * component or test started, and cgroup.kill ends all of them at once.
 */
function trackingHierarchy(): string {
  const unified = hierarchies().find(({ version }) => version === 2);
  if (unified === undefined)
    throw new Error('a test cluster needs a cgroup v2 hierarchy (unified or hybrid), which this machine does not have');
  return unified.path;
}

/** Names of all top-level groups of the tracking hierarchy. */
export function listCgroups(): Promise<string[]> {
  return readdir(trackingHierarchy());
}

/** A process joins the named group by writing 0 to this file. */
export function joinFile(name: string): string {
  // A leaf: version 2 allows no processes next to the groups that the kubelet creates for pods.
  return join(trackingHierarchy(), name, 'services', 'cgroup.procs');
}

/** Writing 1 to this file ends every process of the named group. */
export function killFile(name: string): string {
  return join(trackingHierarchy(), name, 'cgroup.kill');
}

/** Creates the named group; with `forPods` in every hierarchy, as parent of the kubelet's pod groups. */
export async function createCgroup(name: string, forPods: boolean): Promise<void> {
  await mkdir(join(trackingHierarchy(), name, 'services'), { recursive: true });
  if (!forPods) return;
  for (const { path, version } of hierarchies()) {
    const group = join(path, name);
    await mkdir(group, { recursive: true });
    if (version === 1) await inheritCpuset(path, group);
    await raiseWeight(group, version);
  }
}

/**
 * All containers of a cluster are one group, which by default gets as much of a busy processor as a single process of the
 * machine: the tests of other files would starve them.
 */
async function raiseWeight(group: string, version: Hierarchy['version']): Promise<void> {
  const [file, weight] = version === 1 ? ['cpu.shares', 20 * 1024] : ['cpu.weight', 20 * 100];
  const path = join(group, file);
  // Only the hierarchy of processor time has the file.
  const isThere = await readFile(path).then(
    () => true,
    () => false,
  );
  if (isThere) await writeFile(path, String(weight));
}

/** A new group of a version 1 cpuset has no processors, and no process can join it until it has. */
async function inheritCpuset(parent: string, group: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const value = await readFile(join(parent, file)).catch(() => null);
    if (value !== null) await writeFile(join(group, file), value);
  }
}

/** Ends every process of the named group and removes the group from all hierarchies. */
export async function destroyCgroup(name: string): Promise<void> {
  const tracking = join(trackingHierarchy(), name);
  const populated = async (): Promise<boolean> =>
    (await readFile(join(tracking, 'cgroup.events'), 'utf8').catch(() => '')).includes('populated 1');
  if (await populated()) await writeFile(killFile(name), '1');
  await waitUntil(`the processes of cgroup ${name} to end`, async () => !(await populated()), { timeoutMs: 60_000 });
  for (const { path } of hierarchies()) {
    // The group of an ended process may stay busy until its last page is freed.
    await waitUntil(`cgroup ${join(path, name)} to go`, () => removeTree(join(path, name)), { timeoutMs: 10_000 });
  }
}

async function removeTree(group: string): Promise<boolean> {
  const children = await readdir(group, { withFileTypes: true }).catch(() => null);
  if (children === null) return true;
  for (const child of children) {
    if (child.isDirectory() && !(await removeTree(join(group, child.name)))) return false;
  }
  return rmdir(group).then(
    () => true,
    () => false,
  );
}

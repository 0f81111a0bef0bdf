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
 * The hierarchy that says which processes belong to a cluster. Membership is inherited, so it also holds what a
 * component or a test started on its own, and cgroup.kill ends all of it at once.
 */
function trackingHierarchy(): string {
  const unified = hierarchies().find(({ version }) => version === 2);
  if (unified === undefined)
    throw new Error('a test cluster needs a cgroup v2 hierarchy (unified or hybrid), found none');
  return unified.path;
}

/** Names of all groups at the top of the tracking hierarchy. */
export function listCgroups(): Promise<string[]> {
  return readdir(trackingHierarchy());
}

/** The file that a process writes 0 to in order to join the named group. */
export function joinFile(name: string): string {
  // A leaf: version 2 allows no processes beside the groups that the kubelet makes for pods.
  return join(trackingHierarchy(), name, 'services', 'cgroup.procs');
}

/** The file that takes a 1 to end every process of the named group. */
export function killFile(name: string): string {
  return join(trackingHierarchy(), name, 'cgroup.kill');
}

/** Makes the named group; `forPods` in every hierarchy, for the kubelet to put its pods beneath. */
export async function createCgroup(name: string, forPods: boolean): Promise<void> {
  await mkdir(join(trackingHierarchy(), name, 'services'), { recursive: true });
  if (!forPods) return;
  for (const { path, version } of hierarchies()) {
    const group = join(path, name);
    await mkdir(group, { recursive: true });
    if (version === 1) await inheritCpuset(path, group);
  }
}

/** In a version 1 cpuset a new group has no processors, and no process can join it until it has. */
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
  await waitUntil(`the processes of cgroup ${name} to end`, async () => !(await populated()), { timeoutMs: 20_000 });
  for (const { path } of hierarchies()) {
    // An ended process may keep its group busy until its last page is given back.
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

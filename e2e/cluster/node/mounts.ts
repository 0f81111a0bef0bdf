import { join } from 'node:path';

import { cacheDirectory } from '../../tools/cache-directory.ts';

/** Folders of the machine that each full node has for itself. */
const nodeFolders = ['/var/lib', '/var/log', '/run', '/tmp'];

/** What processes on the node run from, and therefore stays visible wherever the machine keeps it. */
const keptFolders = [cacheDirectory(), join(import.meta.dirname, '../../..')];

/**
 * Settings of the whole machine that a kubelet writes when they are not as it wants. It finds them so in files that
 * only its node has, and the machine keeps its own.
 */
export const kernelSettings: Readonly<Record<string, number>> = {
  '/proc/sys/vm/overcommit_memory': 1,
  '/proc/sys/vm/panic_on_oom': 0,
  '/proc/sys/kernel/panic': 10,
  '/proc/sys/kernel/panic_on_oops': 1,
  '/proc/sys/kernel/keys/root_maxkeys': 1_000_000,
  '/proc/sys/kernel/keys/root_maxbytes': 25_000_000,
};

/** Shell commands that give a full node its own file system, run in a new and private mount namespace. */
export function nodeMounts(directory: string): readonly string[] {
  const own = (path: string): string => join(directory, 'node', path);
  const bindFolder = (from: string, to: string): string[] => [
    `mkdir -p "${from}" "${to}"`,
    `mount --rbind "${from}" "${to}"`,
  ];
  const hidden = keptFolders.filter((kept) => nodeFolders.some((folder) => kept.startsWith(`${folder}/`)));
  return [
    ...hidden.flatMap((kept) => bindFolder(kept, own(kept))),
    ...nodeFolders.flatMap((folder) => bindFolder(own(folder), folder)),
    'chmod 1777 /tmp',
    // Images in memory: an image has thousands of files, and ext4 is slow to make as many as an earlier cluster deleted.
    'mkdir -p /var/lib/containerd',
    'mount -t tmpfs -o mode=0711 images /var/lib/containerd',
    ...Object.entries(kernelSettings).flatMap(([path, value]) => [
      `mkdir -p "$(dirname "${own(path)}")"`,
      `echo ${value} > "${own(path)}"`,
      `mount --bind "${own(path)}" "${path}"`,
    ]),
    // Only now: a bind made of a shared mount joins its peers, and each later mount would appear at both places.
    'mount --make-rshared /',
  ];
}

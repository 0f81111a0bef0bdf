import { join } from 'node:path';

import { cacheDirectory } from '../../tools/cache-directory.ts';

/** Directories that each full node has separately from the machine. */
const nodeFolders = ['/var/lib', '/var/log', '/run', '/tmp'];

/** Node processes run from these directories, so they stay visible. */
const keptFolders = [cacheDirectory(), join(import.meta.dirname, '../../..')];

/**
 * Machine-wide settings that a kubelet writes unless they have its values. It finds these values in files that only its
 * node sees, and the machine keeps its own.
 */
export const kernelSettings: Readonly<Record<string, number>> = {
  '/proc/sys/vm/overcommit_memory': 1,
  '/proc/sys/vm/panic_on_oom': 0,
  '/proc/sys/kernel/panic': 10,
  '/proc/sys/kernel/panic_on_oops': 1,
  '/proc/sys/kernel/keys/root_maxkeys': 1_000_000,
  '/proc/sys/kernel/keys/root_maxbytes': 25_000_000,
};

/** Shell commands that create a full node's file system in a new private mount namespace. */
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
    // Images in memory: an image has thousands of files, and ext4 is slow to create as many as an earlier cluster
    // deleted.
    'mkdir -p /var/lib/containerd',
    'mount -t tmpfs -o mode=0711 images /var/lib/containerd',
    ...Object.entries(kernelSettings).flatMap(([path, value]) => [
      `mkdir -p "$(dirname "${own(path)}")"`,
      `echo ${value} > "${own(path)}"`,
      `mount --bind "${own(path)}" "${path}"`,
    ]),
    // Only now: a bind of a shared mount joins its peer group, and each later mount would appear at both places.
    'mount --make-rshared /',
  ];
}

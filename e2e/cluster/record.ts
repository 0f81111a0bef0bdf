import { randomBytes } from 'node:crypto';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { ProcessIdentity } from './process-identity.ts';

/** The record of a local cluster for other processes than the one that started it. */
export interface ClusterRecord {
  /** The process whose exit ends the cluster; null for one that outlives the command that started it. */
  readonly owner: ProcessIdentity | null;
  /** Keeps the cluster's namespaces; null until they exist. */
  readonly namespaceHolder: ProcessIdentity | null;
  readonly nodes: 'control-plane' | 'full';
}

const parentDirectory = '/var/tmp';
const fileName = 'cluster.json';

/** A new name for a cluster, its directory and its cgroup. */
export function newClusterName(): string {
  return `certfleet-${randomBytes(3).toString('hex')}`;
}

/** Whether a directory or cgroup of that name belongs to a test cluster, so that it may be removed. */
export function isClusterName(name: string): boolean {
  return /^certfleet-[0-9a-f]{6}$/.test(name);
}

/**
 * State directory of the named cluster. The path is short, because those of Unix sockets are limited to 107 bytes, and
 * on a disk, because containers run from it: /run is often small and mounted noexec.
 */
export function clusterDirectory(name: string): string {
  return join(parentDirectory, name);
}

/** Names of all clusters with a state directory. */
export async function listClusterDirectories(): Promise<string[]> {
  return (await readdir(parentDirectory)).filter(isClusterName);
}

export async function readRecord(name: string): Promise<ClusterRecord | null> {
  const content = await readFile(join(clusterDirectory(name), fileName), 'utf8').catch(() => null);
  return content === null ? null : (JSON.parse(content) as ClusterRecord);
}

export async function writeRecord(name: string, record: ClusterRecord): Promise<void> {
  const path = join(clusterDirectory(name), fileName);
  // Renamed into place, so that another process never reads a partial record.
  await writeFile(`${path}.new`, JSON.stringify(record));
  await rename(`${path}.new`, path);
}

import { rm } from 'node:fs/promises';

import { cacheDirectory } from '../tools/cache-directory.ts';
import { withFileLock } from '../tools/file-lock.ts';
import { destroyCgroup, listCgroups } from './cgroup.ts';
import { isRunning } from './process-identity.ts';
import { clusterDirectory, isClusterName, listClusterDirectories, readRecord } from './record.ts';

/** Runs `work` while no other process creates or removes clusters. */
export function withClusterLock<T>(work: () => Promise<T>): Promise<T> {
  return withFileLock(cacheDirectory('clusters.lock'), work);
}

/**
 * Ends everything of the named cluster. Its network and mounts are in namespaces that only its own processes hold, so
 * they disappear with the last process without unmounting.
 */
export async function removeCluster(name: string): Promise<void> {
  await destroyCgroup(name);
  await rm(clusterDirectory(name), { recursive: true, force: true });
}

/** Removes every cluster whose owner exited without stopping it. The caller holds the cluster lock. */
export async function sweepDeadClusters(log: (line: string) => void): Promise<void> {
  const names = new Set([...(await listClusterDirectories()), ...(await listCgroups()).filter(isClusterName)]);
  for (const name of names) {
    if (await isAbandoned(name)) {
      log(`removing ${name}, left by a killed run`);
      await removeCluster(name);
    }
  }
}

async function isAbandoned(name: string): Promise<boolean> {
  const record = await readRecord(name);
  if (record === null) return true;
  // A detached cluster has no owner; after a reboot its namespace holder is gone too.
  const keeper = record.owner ?? record.namespaceHolder;
  return keeper === null || !isRunning(keeper);
}

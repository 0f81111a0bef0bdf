import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { loadMountCalls, mountFlags } from './mount-calls.ts';
import { mountError } from './mount-error.ts';
import { createMountTable } from './mount-table.ts';
import type { MountTable } from './mount-table.ts';
import { readMountinfo } from './mountinfo.ts';
import type { Mounter } from './mounter.ts';
import { placeOf, podMountsOf } from './pod-mounts.ts';
import type { PodMount } from './pod-mounts.ts';

export interface DataRootOptions {
  /** Directory that contains the tmpfs. */
  readonly dataRoot: string;
  /** Earlier data directories; the tmpfs of running pods is taken over from there. */
  readonly previousDataRoots: readonly string[];
  readonly driverName: string;
  readonly tmpfsSizeBytes: number;
  /** Starts although volumes of running pods cannot be found, and leaves those unchanged. */
  readonly ignoreForeignVolumes: boolean;
  readonly mounter: Mounter;
  readonly log: Logger;
}

/**
 * Opens the directory of the volumes with the tmpfs mounted: the one that running pods use, wherever it was mounted
 * before, or a new one if no pod uses any. If the agent mounted a second tmpfs, it would renew and report that one
 * while the pods' certificates expire.
 * @throws CertfleetError failed-precondition if pods use a tmpfs that is in none of the given directories
 */
export async function openDataRoot(options: DataRootOptions): Promise<string> {
  const { dataRoot, mounter, tmpfsSizeBytes } = options;
  const root = join(dataRoot, 'certfleet');
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const table = createMountTable(readMountinfo());
  const inUse = podMountsOf(options.driverName, table.values()).filter(({ isOfAgent }) => isOfAgent);
  const isMounted = await mounter.isMounted(root);
  const own = isMounted ? deviceOf(table, root) : undefined;
  if (own !== undefined && inUse.some(({ device }) => device === own)) {
    refuseForeign(foreignTo(own, inUse), options);
    await resize(root, options);
    return root;
  }
  const previous = previousRootOf(options, table, inUse);
  if (previous === undefined) {
    refuseForeign(foreignTo(own, inUse), options);
    if (isMounted) await resize(root, options);
    else await mounter.mountTmpfs(root, tmpfsSizeBytes);
    return root;
  }
  refuseForeign(foreignTo(previous.device, inUse), options);
  await moveHere(previous, { ...options, root, isMounted });
  await resize(root, options);
  return root;
}

/**
 * The configured size may have changed since the mount. If it cannot be applied, volumes are served with the old size.
 */
async function resize(root: string, { mounter, tmpfsSizeBytes, log }: DataRootOptions): Promise<void> {
  try {
    await mounter.resizeTmpfs(root, tmpfsSizeBytes);
  } catch (error) {
    log.error({ error: String(error), root, tmpfsSizeBytes }, 'cannot resize tmpfs, keeping its size');
  }
}

interface PreviousRoot {
  readonly path: string;
  readonly device: string;
}

/** The previous directory whose tmpfs pods use. */
function previousRootOf(
  { previousDataRoots }: DataRootOptions,
  table: MountTable,
  inUse: readonly PodMount[],
): PreviousRoot | undefined {
  for (const directory of previousDataRoots) {
    const path = join(directory, 'certfleet');
    const device = table.has(path) ? deviceOf(table, path) : undefined;
    if (device !== undefined && inUse.some((mount) => mount.device === device)) return { path, device };
  }
  return undefined;
}

/** Also mounts the tmpfs of a previous directory at the current one, which keeps files, records and mounts of pods. */
async function moveHere(
  { path }: PreviousRoot,
  { root, isMounted, mounter, log }: DataRootOptions & { readonly root: string; readonly isMounted: boolean },
): Promise<void> {
  if (isMounted) {
    // An earlier start that found no volumes of pods left it, so no pod uses its content.
    if (readdirSync(root).length > 0) {
      const message = `expected ${root} to be empty, to mount the tmpfs of ${path} there; found volumes in both: restart the pods of one of the two`;
      throw new CertfleetError('failed-precondition', message, { reason: 'DataRootChanged' });
    }
    await mounter.unmount(root);
  }
  const result = loadMountCalls().mount(path, root, { flags: mountFlags.bind });
  if (result !== 0) throw mountError('bind-mount', path, result);
  log.info({ from: path, to: root }, 'data directory has changed, tmpfs of running pods adopted');
}

function foreignTo(device: string | undefined, inUse: readonly PodMount[]): readonly PodMount[] {
  return inUse.filter((mount) => mount.device !== device);
}

function refuseForeign(
  foreign: readonly PodMount[],
  { dataRoot, ignoreForeignVolumes, previousDataRoots, log }: DataRootOptions,
): void {
  const [first] = foreign;
  if (first === undefined) return;
  const found = `${foreign.length} volumes of running pods in another data directory, the first in pod ${first.podUid}`;
  if (ignoreForeignVolumes) {
    log.error({ found }, 'volumes of another data directory are not renewed: restart their pods');
    return;
  }
  const looked = [dataRoot, ...previousDataRoots.filter((path) => existsSync(path))].join(', ');
  throw new CertfleetError(
    'failed-precondition',
    `data directory: expected the volumes of running pods in ${looked}, found ${found}. They would not be renewed. ` +
      'Restore the chart value app.driver.csiDataDir, or add the previous directory to app.driver.previousDataDirs; ' +
      'if it is lost, set app.driver.ignoreForeignVolumes and restart these pods',
    { reason: 'DataRootChanged' },
  );
}

function deviceOf(table: MountTable, path: string): string | undefined {
  return placeOf(table, path)?.device;
}

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

/** How the agent finds its tmpfs. */
export interface DataRootOptions {
  /** Directory that holds the tmpfs. */
  readonly dataRoot: string;
  /** Directories that held it before; the tmpfs of running pods is taken over from there. */
  readonly previousDataRoots: readonly string[];
  readonly driverName: string;
  readonly tmpfsSizeBytes: number;
  /** Starts beside volumes of running pods that cannot be found any more, and leaves them alone. */
  readonly ignoreForeignVolumes: boolean;
  readonly mounter: Mounter;
  readonly log: Logger;
}

/**
 * The directory of the volumes, with the tmpfs mounted: the one that running pods use, wherever it was mounted before, or
 * a new one when no pod uses any. A second tmpfs beside the pods' own would be renewed and reported while their
 * certificates expire.
 * @throws CertfleetError failed-precondition when pods use one that is in none of the directories given
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

/** The size may have been changed since it was mounted. Volumes are served with the former one when it cannot be. */
async function resize(root: string, { mounter, tmpfsSizeBytes, log }: DataRootOptions): Promise<void> {
  try {
    await mounter.resizeTmpfs(root, tmpfsSizeBytes);
  } catch (error) {
    log.error({ error: String(error), root, tmpfsSizeBytes }, 'tmpfs keeps its size');
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

/** Mounts the tmpfs of a previous directory at the present one as well: the same files, records and mounts of pods. */
async function moveHere(
  { path }: PreviousRoot,
  { root, isMounted, mounter, log }: DataRootOptions & { readonly root: string; readonly isMounted: boolean },
): Promise<void> {
  if (isMounted) {
    // Left by a start that found no pods' volumes, so with nothing in it that a pod uses.
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
      'Set the chart value app.driver.csiDataDir back, or name the former directory in app.driver.previousDataDirs; ' +
      'if it is lost, set app.driver.ignoreForeignVolumes and restart these pods',
    { reason: 'DataRootChanged' },
  );
}

function deviceOf(table: MountTable, path: string): string | undefined {
  return placeOf(table, path)?.device;
}

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mountContaining } from './mount-table.ts';
import type { MountTable } from './mount-table.ts';
import type { Mount } from './mountinfo.ts';

/** Name of the file systems that agents make; a bind mount shows the name of its source. */
const tmpfsSource = 'certfleet';

/** Where the kubelet has an inline CSI volume mounted (pkg/volume/csi: volumes/kubernetes.io~csi/<name>/mount). */
const targetForm = /\/pods\/([^/]+)\/volumes\/kubernetes\.io~csi\/[^/]+\/mount$/;

/** A volume that a pod of this node has mounted. */
export interface PodMount {
  readonly podUid: string;
  readonly targetPath: string;
  /** The file system that it shows a directory of. */
  readonly device: string;
  /** That directory within the file system. */
  readonly root: string;
  /** Whether an agent made that file system, this one or an earlier one. */
  readonly isOfAgent: boolean;
}

/** Reads the driver that the kubelet noted for a volume beside its target; undefined when it noted none. */
export type DriverOfTarget = (targetPath: string) => string | undefined;

/** The volumes of this driver that are mounted in pods, as the mount table and the kubelet's notes say. */
export function podMountsOf(
  driverName: string,
  mounts: Iterable<Mount>,
  driverOf: DriverOfTarget = driverOfTarget,
): readonly PodMount[] {
  const found: PodMount[] = [];
  for (const { mountPoint, device, root, fileSystem, source } of mounts) {
    const podUid = targetForm.exec(mountPoint)?.[1];
    // Every driver of in-memory volumes mounts a tmpfs; what this driver never mounts is not looked up.
    if (podUid === undefined || fileSystem !== 'tmpfs' || driverOf(mountPoint) !== driverName) continue;
    found.push({ podUid, targetPath: mountPoint, device, root, isOfAgent: source === tmpfsSource });
  }
  return found;
}

/** The kubelet writes vol_data.json before it calls NodePublishVolume and removes it after NodeUnpublishVolume. */
function driverOfTarget(targetPath: string): string | undefined {
  try {
    const noted = JSON.parse(readFileSync(join(dirname(targetPath), 'vol_data.json'), 'utf8')) as unknown;
    if (typeof noted !== 'object' || noted === null || !('driverName' in noted)) return undefined;
    return typeof noted.driverName === 'string' ? noted.driverName : undefined;
  } catch {
    return undefined;
  }
}

/** The file system and the directory in it that an absolute path without symbolic links shows; as a mount of it does. */
export function placeOf(table: MountTable, path: string): Pick<PodMount, 'device' | 'root'> | undefined {
  const mount = mountContaining(table, path);
  if (mount === undefined) return undefined;
  const below = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  return { device: mount.device, root: `${mount.root === '/' ? '' : mount.root}${below}` || '/' };
}

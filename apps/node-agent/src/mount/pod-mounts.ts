import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mountContaining } from './mount-table.ts';
import type { MountTable } from './mount-table.ts';
import type { Mount } from './mountinfo.ts';

/** Source name of the agents' file systems; a bind mount shows the name of its source. */
const tmpfsSource = 'certfleet';

/** Where the kubelet mounts an inline CSI volume (pkg/volume/csi: volumes/kubernetes.io~csi/<name>/mount). */
const targetForm = /\/pods\/([^/]+)\/volumes\/kubernetes\.io~csi\/[^/]+\/mount$/;

/** A volume that is mounted in a pod of this node. */
export interface PodMount {
  readonly podUid: string;
  readonly targetPath: string;
  /** The mounted file system. */
  readonly device: string;
  /** The mounted directory of the file system. */
  readonly root: string;
  /** Whether an agent created the file system, this one or an earlier one. */
  readonly isOfAgent: boolean;
}

/** Reads the driver that the kubelet recorded next to a volume's target; undefined if there is no record. */
export type DriverOfTarget = (targetPath: string) => string | undefined;

/** The volumes of this driver that are mounted in pods, according to the mount table and the kubelet's records. */
export function podMountsOf(
  driverName: string,
  mounts: Iterable<Mount>,
  driverOf: DriverOfTarget = driverOfTarget,
): readonly PodMount[] {
  const found: PodMount[] = [];
  for (const { mountPoint, device, root, fileSystem, source } of mounts) {
    const podUid = targetForm.exec(mountPoint)?.[1];
    // Drivers of in-memory volumes mount a tmpfs; other file systems are not looked up.
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

/** The file system and directory of an absolute path without symbolic links, in the form of a mount of it. */
export function placeOf(table: MountTable, path: string): Pick<PodMount, 'device' | 'root'> | undefined {
  const mount = mountContaining(table, path);
  if (mount === undefined) return undefined;
  const below = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  return { device: mount.device, root: `${mount.root === '/' ? '' : mount.root}${below}` || '/' };
}

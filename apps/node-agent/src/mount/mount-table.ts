import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mount } from './mountinfo.ts';

/** The reachable mounts by mount point: of several stacked on one point, the topmost. */
export type MountTable = ReadonlyMap<string, Mount>;

/** Builds the table from the mounts of mountinfo, in any order. */
export function createMountTable(mounts: readonly Mount[]): MountTable {
  const byId = new Map(mounts.map((mount) => [mount.id, mount]));
  const covered = new Set<number>();
  for (const { id, parentId, mountPoint } of mounts) {
    if (parentId !== id && byId.get(parentId)?.mountPoint === mountPoint) covered.add(parentId);
  }
  return new Map(mounts.filter(({ id }) => !covered.has(id)).map((mount) => [mount.mountPoint, mount]));
}

/** The mount that contains an absolute, normalised path. */
export function mountContaining(table: MountTable, path: string): Mount | undefined {
  for (let point = path; point !== '' && point !== '/'; point = point.slice(0, point.lastIndexOf('/'))) {
    const mount = table.get(point);
    if (mount !== undefined) return mount;
  }
  return table.get('/');
}

/**
 * Ensures that a mount below the path is visible on the node: the path must be on a shared mount, which a container has
 * with `mountPropagation: Bidirectional`. Otherwise pods would start with empty volumes and no error.
 * @throws CertfleetError failed-precondition if the mount is private, a slave, or unknown
 */
export function assertSharedPropagation(table: MountTable, path: string): void {
  const mount = mountContaining(table, path);
  if (mount?.propagation.some((field) => field.startsWith('shared:'))) return;
  const found = mount === undefined ? 'no mount' : mount.propagation.join(' ') || 'a private one';
  throw new CertfleetError(
    'failed-precondition',
    `expected ${path} to lie on a shared mount (mountPropagation: Bidirectional), found ${found}: ` +
      "pods would not see what is mounted there; mount the chart's app.kubeletRootDir (--kubelet-root-dir) so",
    { reason: 'MountNotShared' },
  );
}

import { lstatSync } from 'node:fs';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Mounter } from '../mount/mounter.ts';
import { createMountTable } from '../mount/mount-table.ts';
import { readMountinfo } from '../mount/mountinfo.ts';
import { placeOf, podMountsOf } from '../mount/pod-mounts.ts';
import type { MountCheck } from '../observability/agent-metrics.ts';
import type { Volume } from './volume.ts';
import type { PublishContext, PublishRequest, UnpublishRequest } from './volume-requests.ts';

/** The part of VolumeManager that the checks use. */
export interface CheckedVolumes {
  volumes(): Iterable<Volume>;
  volume(volumeId: string): Volume | undefined;
  publish(request: PublishRequest, context: PublishContext): Promise<void>;
  unpublish(request: UnpublishRequest): Promise<void>;
}

/**
 * Compares the mounts in pods with the volumes that the agent renews. It reads the kernel's mount table: a pod may
 * still use the directory of a removed volume, and a published volume may not be mounted anywhere.
 */
export async function checkMounts(volumes: CheckedVolumes, driverName: string, mounter: Mounter): Promise<MountCheck> {
  const table = createMountTable(readMountinfo());
  const known = new Set<string>();
  let [matched, missing] = [0, 0];
  for (const { volumeId, record, store } of volumes.volumes()) {
    const source = store.dataPath(volumeId);
    const location = placeOf(table, source);
    if (location !== undefined) known.add(`${location.device} ${location.root}`);
    if (record.phase !== 'published') continue;
    if (await mounter.shows(source, record.targetPath)) matched += 1;
    // If it was unpublished during the check, it is not missing.
    else if (volumes.volume(volumeId)?.record === record) missing += 1;
  }
  const inPods = podMountsOf(driverName, table.values());
  const unknown = inPods.filter(({ device, root }) => !known.has(`${device} ${root}`)).length;
  return { matched, missing, unknown };
}

/**
 * Wraps `publish` so that it never mounts over a volume that a running pod may use: a mount at the target of a volume
 * that this agent does not know, from a file system other than its own.
 */
export function refuseForeignTargets(
  volumes: CheckedVolumes,
  root: string,
  mounter: Mounter,
): Pick<CheckedVolumes, 'publish' | 'unpublish'> {
  return {
    unpublish: (request) => volumes.unpublish(request),
    publish: async (request, context) => {
      if (volumes.volume(request.volumeId) === undefined) await assertNotForeign(request.targetPath, root, mounter);
      return volumes.publish(request, context);
    },
  };
}

async function assertNotForeign(targetPath: string, root: string, mounter: Mounter): Promise<void> {
  const device = deviceOf(targetPath);
  if (device === undefined || device === deviceOf(root) || !(await mounter.isMounted(targetPath))) return;
  throw new CertfleetError(
    'failed-precondition',
    `a volume that this agent does not know is mounted at ${targetPath}, possibly of another data directory or driver; ` +
      'the running pod may use it, so it is kept: restart the pod to get a new volume',
    { reason: 'ForeignVolume' },
  );
}

function deviceOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.dev;
}

import { join } from 'node:path';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { AgentConfig } from './config.ts';
import { mountForUpstream, unmountForUpstream } from './mount/hand-over-mount.ts';
import type { Mounter } from './mount/mounter.ts';
import { deleteHandOver } from './storage/hand-over.ts';
import { findUpstreamLayout, upstreamRoot } from './storage/upstream-layout.ts';
import type { VolumeLayout } from './storage/volume-layout.ts';
import type { VolumeStore } from './storage/volume-store.ts';
import type { VolumeReporter } from './volume/volume-reporter.ts';
import type { Volume } from './volume/volume.ts';

type UpstreamFlags = Pick<AgentConfig, 'adopt-from' | 'hand-over' | 'data-root'>;

/**
 * Prepares the agent's tmpfs for csi-driver, or ends an earlier preparation.
 * @returns the layout of volumes to take over from csi-driver
 * @throws CertfleetError failed-precondition if volumes of csi-driver are where it would find those of the agent
 */
export async function openUpstream(
  config: UpstreamFlags,
  root: string,
  mounter: Mounter,
): Promise<VolumeLayout | undefined> {
  const upstreamDirectory = config['adopt-from'];
  const adopted = upstreamDirectory === undefined ? undefined : findUpstreamLayout(upstreamDirectory, root);
  const place = { root, upstreamRoot: join(config['data-root'], upstreamRoot) };
  if (config['hand-over']) {
    mountForUpstream(place);
  } else if (adopted === undefined && deleteHandOver(root)) {
    // A volume that csi-driver created there is only found through this mount.
    await unmountForUpstream(place, mounter);
  }
  return adopted;
}

/** Writes csi-driver's metadata of the volumes of an earlier run: it is written together with a volume's record. */
export function handOver(volumes: Iterable<Volume>, store: VolumeStore, reporter: VolumeReporter): void {
  for (const volume of volumes) {
    try {
      store.writeRecord(volume.record);
    } catch (thrown) {
      reporter.writeFailed(volume, asCertfleetError(thrown));
    }
  }
}

import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { inspectChain } from '../crypto/certificate-chain.ts';
import type { MountProbe } from '../mount/linux-mounter.ts';
import { findUpstreamVolumes } from '../storage/upstream-volumes.ts';
import { joinSecrets } from '../storage/secret-attributes.ts';
import type { VolumeLayout } from '../storage/volume-layout.ts';
import type { DamagedEntry } from '../storage/volume-listing.ts';
import type { VolumeRecord } from '../storage/volume-record.ts';
import type { ParseVolume } from './parse-volume.ts';
import { Volume } from './volume.ts';
import type { VolumeParts } from './volume-parts.ts';

export interface RestoreOptions {
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
}

export interface StartOptions extends RestoreOptions {
  /** Layout of cert-manager's csi-driver; undefined if none of its volumes are to be taken over. */
  readonly adopted: VolumeLayout | undefined;
  /** Reports whether a pod uses a volume of the csi-driver; asks the kernel by default. */
  readonly mounts?: MountProbe;
  readonly clock: Clock;
}

export interface RestoredVolumes {
  readonly volumes: readonly Volume[];
  /** How many of them this start took over from the csi-driver. */
  readonly adoptedCount: number;
  /** Volumes that could not be restored; their files are unchanged. */
  readonly damaged: readonly DamagedEntry[];
}

/**
 * Restores the volumes of this node: those of an earlier run, and those of the csi-driver that pods still use. A volume
 * that cannot be restored is left unchanged, and a later call tries again.
 */
export function restoreVolumes(
  options: StartOptions,
  isWanted: (volumeId: string) => boolean = () => true,
): RestoredVolumes {
  const { adopted, clock, mounts, parts } = options;
  const damaged: DamagedEntry[] = [];
  let adoptedCount = 0;
  if (adopted !== undefined) {
    const found = findUpstreamVolumes(adopted, { clock, inspect: inspectChain, ...(mounts && { mounts }) });
    damaged.push(...found.refused);
    for (const { record, secrets } of found.adoptable) {
      try {
        parts.store.adopt(record, secrets);
        adoptedCount += 1;
      } catch (thrown) {
        damaged.push({ path: record.volumeId, reason: `cannot be taken over: ${asCertfleetError(thrown).message}` });
      }
    }
  }
  const listing = parts.store.list();
  damaged.push(...listing.damaged);
  const volumes = listing.records.flatMap((record) => {
    if (!isWanted(record.volumeId)) return [];
    try {
      return [restore(record, options)];
    } catch (thrown) {
      damaged.push({ path: record.volumeId, reason: asCertfleetError(thrown).message });
      return [];
    }
  });
  return { volumes, adoptedCount, damaged };
}

/** Restores one volume; undefined if its record cannot be read or is invalid. */
export function restoreVolume(volumeId: string, options: RestoreOptions): Volume | undefined {
  let record: VolumeRecord;
  try {
    record = options.parts.store.readRecord(volumeId);
  } catch (thrown) {
    if (asCertfleetError(thrown).reason === 'DamagedVolume') return undefined;
    throw thrown;
  }
  return restore(record, options);
}

function restore(record: VolumeRecord, { parts, parseVolume }: RestoreOptions): Volume {
  const secrets = parts.store.readSecrets(record.volumeId);
  const spec = parseVolume({ ...record, attributes: joinSecrets(record.attributes, secrets), lenient: true });
  return Volume.restore(parts, { spec, record, secrets });
}

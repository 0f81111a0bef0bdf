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
import type { VolumeParts } from './volume.ts';

/** What volumes are restored with. */
export interface RestoreOptions {
  readonly parts: VolumeParts;
  readonly parseVolume: ParseVolume;
}

/** What a start finds the node's volumes with. */
export interface StartOptions extends RestoreOptions {
  /** Where another driver left its volumes; undefined when nothing is to be taken over. */
  readonly adopted: VolumeLayout | undefined;
  /** Asked whether a pod uses a volume of the other driver; the kernel by default. */
  readonly mounts?: MountProbe;
  readonly clock: Clock;
}

/** What was found on the node. */
export interface RestoredVolumes {
  readonly volumes: readonly Volume[];
  /** How many of them were taken over from another driver just now. */
  readonly adoptedCount: number;
  /** What could not be restored and was left as it is. */
  readonly damaged: readonly DamagedEntry[];
}

/**
 * Restores the volumes of this node that are wanted: ours of an earlier run, and another driver's that its pods still use.
 * One that cannot be restored is left as it is, and a later call tries it again.
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

/** Restores one volume; undefined when its record cannot be read or makes no sense. */
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

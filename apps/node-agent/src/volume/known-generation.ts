// Which generation the processes of a pod know, for pods that are signalled or rolled.
import type { VolumeSpec } from '../spec/volume-spec.ts';
import type { VolumeRecord, VolumeTrust } from '../storage/volume-record.ts';

interface ToldVolume {
  readonly spec: Pick<VolumeSpec, 'reload' | 'rollsWorkload'>;
  readonly record: VolumeRecord;
}

/** The record of a volume that is about to be mounted: the containers start later, and so with its present files. */
export function recordOfMount({ spec, record }: ToldVolume, targetPath: string): VolumeRecord {
  const { generation, signalledGeneration = spec.reload && generation } = record;
  // A first certificate that comes after the mount must not roll the workload: its next pods would wait for theirs too.
  const known = signalledGeneration ?? (spec.rollsWorkload ? Math.max(1, generation) : undefined);
  return { ...record, targetPath, phase: 'published', signalledGeneration: known };
}

/**
 * The record before the CA file changes without a new certificate. The pod then knows an earlier generation, as after a
 * renewal.
 */
export function recordOfCaFile({ spec, record }: ToldVolume, trust: VolumeTrust): VolumeRecord {
  const { phase, generation, signalledGeneration = generation } = record;
  const isTold = spec.reload !== undefined || spec.rollsWorkload;
  if (!isTold || phase !== 'published') return { ...record, trust };
  return { ...record, trust, signalledGeneration: Math.min(signalledGeneration, Math.max(0, generation - 1)) };
}

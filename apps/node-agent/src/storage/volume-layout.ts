import type { FileSystem } from './file-system.ts';
import type { VolumeRecord } from './volume-record.ts';

/** How volumes lie below one root: ours, or the directory of the driver that volumes were taken over from. */
export interface VolumeLayout {
  /** Holds one directory per volume, named by its id; its `data/` is what the pod sees. */
  readonly root: string;
  /** File of the record in a volume's directory. A directory without it is not (yet) a volume of ours. */
  readonly recordFile: string;
  /** File of the secrets in a volume's directory. */
  readonly secretsFile: string;
  /** Whether every directory below the root ought to be ours, so that one without a record is damaged. */
  readonly exclusive: boolean;
  /** Called after the record was written, with the volume's directory. */
  readonly recordWritten?: (files: FileSystem, directory: string, record: VolumeRecord) => void;
}

/** The layout of a root that belongs to this agent alone. */
export function ownLayout(root: string): VolumeLayout {
  return Object.freeze({ root, recordFile: 'volume.json', secretsFile: 'secret.json', exclusive: true });
}

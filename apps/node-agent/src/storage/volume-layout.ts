import type { FileSystem } from './file-system.ts';
import type { VolumeRecord } from './volume-record.ts';

/**
 * The layout of volumes below one root: the agent's, or the directory of the csi-driver that volumes were taken over
 * from.
 */
export interface VolumeLayout {
  /** Contains one directory per volume, named by its id; its `data/` is mounted into the pod. */
  readonly root: string;
  /** File of the record in a volume's directory. A directory without it is not a volume of this agent (yet). */
  readonly recordFile: string;
  /** File of the secrets in a volume's directory. */
  readonly secretsFile: string;
  /** Whether only this agent uses the root, so that a directory without a record is damaged. */
  readonly exclusive: boolean;
  /** Called after the record was written, with the volume's directory. */
  readonly recordWritten?: (files: FileSystem, directory: string, record: VolumeRecord) => void;
}

/** The layout of a root that belongs to this agent only. */
export function ownLayout(root: string): VolumeLayout {
  return Object.freeze({ root, recordFile: 'volume.json', secretsFile: 'secret.json', exclusive: true });
}

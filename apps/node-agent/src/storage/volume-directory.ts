import { randomUUID } from 'node:crypto';
import type { FileSystem } from './file-system.ts';
import { replaceFile } from './replace-file.ts';
import type { VolumeLayout } from './volume-layout.ts';
import { encodeVolumeRecord } from './volume-record-json.ts';
import { writeVolumeSecrets } from './volume-secrets-file.ts';
import type { VolumeRecord, VolumeSecrets } from './volume-record.ts';

/** Names that begin so are work in progress and belong to no volume, whose id may not begin with two dots. */
const stagingPrefix = '..new-';
const tombstonePrefix = '..removed-';

/**
 * Makes a volume's directory, whole or not at all: it gets its name once everything is in it.
 * @throws the system's ENOTEMPTY or EEXIST when the name is taken
 */
export function createVolumeDirectory(
  files: FileSystem,
  layout: VolumeLayout,
  record: VolumeRecord,
  secrets: VolumeSecrets,
): void {
  const staging = `${layout.root}/${stagingPrefix}${randomUUID()}`;
  const data = `${staging}/data`;
  try {
    files.mkdirSync(staging, { mode: 0o700 });
    files.mkdirSync(data);
    // The mode that the peer's pods know; explicit, because the mode of mkdir is cut by the umask.
    files.chmodSync(data, 0o550);
    writeVolumeSecrets(files, staging, layout.secretsFile, secrets);
    replaceFile(files, staging, layout.recordFile, encodeVolumeRecord(record));
    files.renameSync(staging, `${layout.root}/${record.volumeId}`);
  } catch (error) {
    files.rmSync(staging, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Removes a volume's directory, if there is one. Renamed first: a kill in the middle leaves a tombstone that the next
 * start clears, never half a volume.
 */
export function removeVolumeDirectory(files: FileSystem, root: string, volumeId: string): void {
  const directory = `${root}/${volumeId}`;
  if (!files.existsSync(directory)) return;
  const tombstone = `${root}/${tombstonePrefix}${randomUUID()}`;
  files.renameSync(directory, tombstone);
  files.rmSync(tombstone, { recursive: true, force: true });
}

/** Removes what a killed agent left half made or half removed below a root. */
export function removeLeftovers(files: FileSystem, root: string): void {
  for (const name of files.readdirSync(root)) {
    if (!name.startsWith(stagingPrefix) && !name.startsWith(tombstonePrefix)) continue;
    files.rmSync(`${root}/${name}`, { recursive: true, force: true });
  }
}

import type { FileSystem } from './file-system.ts';
import { attemptCleanup, replaceFile } from './replace-file.ts';
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
  // Named after the volume, so that what a failed clean-up leaves is found by the next create and by the removal.
  const staging = `${layout.root}/${stagingPrefix}${record.volumeId}`;
  const data = `${staging}/data`;
  if (files.existsSync(staging)) files.rmSync(staging, { recursive: true, force: true });
  try {
    files.mkdirSync(staging, { mode: 0o700 });
    files.mkdirSync(data);
    // The mode that pods of csi-driver know; explicit, because the mode of mkdir is cut by the umask.
    files.chmodSync(data, 0o550);
    writeVolumeSecrets(files, staging, layout.secretsFile, secrets);
    replaceFile(files, staging, layout.recordFile, encodeVolumeRecord(record));
    files.renameSync(staging, `${layout.root}/${record.volumeId}`);
  } catch (error) {
    attemptCleanup(() => files.rmSync(staging, { recursive: true, force: true }));
    throw error;
  }
}

/**
 * Destroys everything of a volume but its record: keys, certificates, secrets. The first step is one rename, which needs
 * no space and after which no start finds the volume again; the record stays behind for `finishRemoval`.
 * Repeating it continues where an earlier call failed.
 */
export function destroyContents(files: FileSystem, layout: VolumeLayout, volumeId: string): void {
  const { root } = layout;
  const [directory, tombstone] = [`${root}/${volumeId}`, tombstonePath(root, volumeId)];
  const staging = `${root}/${stagingPrefix}${volumeId}`;
  if (files.existsSync(staging)) files.rmSync(staging, { recursive: true, force: true });
  if (files.existsSync(directory)) {
    try {
      if (files.existsSync(tombstone)) files.rmSync(tombstone, { recursive: true, force: true });
      files.renameSync(directory, tombstone);
    } catch (error) {
      attemptCleanup(() => destroyIn(files, directory, layout.recordFile));
      throw error;
    }
  }
  if (files.existsSync(tombstone)) destroyIn(files, tombstone, layout.recordFile);
}

function destroyIn(files: FileSystem, directory: string, recordFile: string): void {
  for (const name of files.readdirSync(directory)) {
    if (name !== recordFile) files.rmSync(`${directory}/${name}`, { recursive: true, force: true });
  }
}

/** Removes what `destroyContents` left of a volume, once nothing is mounted from it. */
export function finishRemoval(files: FileSystem, root: string, volumeId: string): void {
  const tombstone = tombstonePath(root, volumeId);
  if (files.existsSync(tombstone)) files.rmSync(tombstone, { recursive: true, force: true });
}

/** The volumes whose removal began and did not end: their directories, by volume id. */
export function interruptedRemovals(files: FileSystem, root: string): ReadonlyMap<string, string> {
  const names = files.readdirSync(root).filter((name) => name.startsWith(tombstonePrefix));
  return new Map(names.map((name) => [name.slice(tombstonePrefix.length), `${root}/${name}`]));
}

/** Removes what a killed agent left half made below a root. */
export function removeStaging(files: FileSystem, root: string): void {
  for (const name of files.readdirSync(root)) {
    if (name.startsWith(stagingPrefix)) files.rmSync(`${root}/${name}`, { recursive: true, force: true });
  }
}

function tombstonePath(root: string, volumeId: string): string {
  return `${root}/${tombstonePrefix}${volumeId}`;
}

import type { FileSystem } from './file-system.ts';
import { attemptCleanup, replaceFile } from './replace-file.ts';
import type { VolumeLayout } from './volume-layout.ts';
import { encodeVolumeRecord } from './volume-record-json.ts';
import { writeVolumeSecrets } from './volume-secrets-file.ts';
import type { VolumeRecord, VolumeSecrets } from './volume-record.ts';

/** Prefix of incomplete directories. No volume id may begin with two dots. */
const stagingPrefix = '..new-';
const tombstonePrefix = '..removed-';

/**
 * Creates a volume's directory atomically: it gets its name once it is complete.
 * @throws the system's ENOTEMPTY or EEXIST if the name is taken
 */
export function createVolumeDirectory(
  files: FileSystem,
  layout: VolumeLayout,
  record: VolumeRecord,
  secrets: VolumeSecrets,
): void {
  // Named after the volume, so that the next create and the removal find the remains of a failed clean-up.
  const staging = `${layout.root}/${stagingPrefix}${record.volumeId}`;
  const data = `${staging}/data`;
  if (files.existsSync(staging)) files.rmSync(staging, { recursive: true, force: true });
  try {
    files.mkdirSync(staging, { mode: 0o700 });
    files.mkdirSync(data);
    // The mode that csi-driver uses; explicit, because the umask restricts the mode of mkdir.
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
 * Destroys all files of a volume except its record: keys, certificates, secrets. The first step is one rename, which
 * needs no space and after which no start finds the volume; the record remains for `finishRemoval`. A repeated call
 * continues where an earlier one failed.
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

/** Directories of the volumes whose removal began and did not end, by volume id. */
export function interruptedRemovals(files: FileSystem, root: string): ReadonlyMap<string, string> {
  const names = files.readdirSync(root).filter((name) => name.startsWith(tombstonePrefix));
  return new Map(names.map((name) => [name.slice(tombstonePrefix.length), `${root}/${name}`]));
}

/** Removes incomplete directories that a crash left below a root. */
export function removeStaging(files: FileSystem, root: string): void {
  for (const name of files.readdirSync(root)) {
    if (name.startsWith(stagingPrefix)) files.rmSync(`${root}/${name}`, { recursive: true, force: true });
  }
}

function tombstonePath(root: string, volumeId: string): string {
  return `${root}/${tombstonePrefix}${volumeId}`;
}

import type { FileSystem } from './file-system.ts';
import { replaceFile } from './replace-file.ts';
import { decodeVolumeSecrets, encodeVolumeSecrets } from './volume-record-json.ts';
import type { VolumeSecrets } from './volume-record.ts';

/** Writes the file of a volume's secrets; without secrets, which is the usual case, there is no file. */
export function writeVolumeSecrets(files: FileSystem, directory: string, name: string, secrets: VolumeSecrets): void {
  const path = `${directory}/${name}`;
  if (Object.values(secrets).some((secret) => secret !== undefined)) {
    replaceFile(files, directory, name, encodeVolumeSecrets(secrets));
  } else if (files.existsSync(path)) {
    files.unlinkSync(path);
  } else {
    // Fails with ENOENT if the volume is gone, as every other write does.
    files.lstatSync(directory);
  }
}

/** @throws CertfleetError as decodeVolumeSecrets does; the system's ENOENT if the directory is gone */
export function readVolumeSecrets(files: FileSystem, directory: string, name: string): VolumeSecrets {
  const path = `${directory}/${name}`;
  files.lstatSync(directory);
  return files.existsSync(path) ? decodeVolumeSecrets(files.readFileSync(path, 'utf8')) : Object.freeze({});
}

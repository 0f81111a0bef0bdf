import type { FileSystem } from './file-system.ts';
import { defaultFileMode } from './payload-writer.ts';
import type { PayloadAccess, PayloadTarget } from './payload-writer.ts';
import { replaceFileBy } from './replace-file.ts';

/** A marker file in a volume's data directory. */
export interface ReloadMarker {
  readonly name: string;
  /** SHA-256 of the certificate that the other files contain, in hexadecimal. */
  readonly fingerprintSha256: string;
  /** SHA-256 of the CA file, in hexadecimal. */
  readonly caFileSha256: string;
}

/** Where the marker is, and who may read it. */
export type MarkerTarget = Pick<PayloadTarget, 'directory' | keyof PayloadAccess>;

/**
 * Writes both digests into the marker, a line each, unless they are there already. Unlike the volume's other files, the
 * marker is one file for the life of the volume and is written in place, so that a program that watches only a file it
 * has opened sees each change. Call it after the other files were replaced. A crash leaves an old or a mixed marker, which the
 * next call corrects.
 * @returns whether it was written
 */
export function writeReloadMarker(
  files: FileSystem,
  target: MarkerTarget,
  { name, fingerprintSha256, caFileSha256 }: ReloadMarker,
): boolean {
  const path = `${target.directory}/${name}`;
  const content = `${fingerprintSha256}\n${caFileSha256}\n`;
  const status = files.lstatSync(path, { throwIfNoEntry: false });
  if (status?.isFile() !== true || status.size !== content.length) {
    createMarker(files, target, { name, content });
    return true;
  }
  if (files.readFileSync(path, 'utf8') === content) return false;
  const descriptor = files.openSync(path, 'r+');
  try {
    files.writeFileSync(descriptor, content);
  } finally {
    files.closeSync(descriptor);
  }
  return true;
}

/** By a rename, so that no reader finds a marker without its content or its group. */
function createMarker(
  files: FileSystem,
  { directory, uid = -1, gid = 0, modeOf = () => defaultFileMode }: MarkerTarget,
  { name, content }: { readonly name: string; readonly content: string },
): void {
  // The writer of the other files removes what remains of the temporary file after a crash.
  const paths = { temporary: `${directory}/..new-marker`, path: `${directory}/${name}` };
  replaceFileBy(files, paths, (descriptor) => {
    files.writeFileSync(descriptor, content);
    // In this order: the agent may change the owner of any file, but the mode of its own only.
    files.fchmodSync(descriptor, modeOf(name));
    files.fchownSync(descriptor, uid, gid);
  });
}

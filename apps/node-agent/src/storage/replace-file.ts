import type { FileSystem } from './file-system.ts';

/**
 * Replaces the content of a file atomically: a reader finds the old or the new content, even after a crash. Only root
 * can read the file (0600). Fails with ENOENT if the directory is gone, and never creates it.
 */
export function replaceFile(files: FileSystem, directory: string, name: string, content: string | Uint8Array): void {
  const paths = { temporary: `${directory}/..new-${name}`, path: `${directory}/${name}` };
  replaceFileBy(files, paths, (descriptor) => files.writeFileSync(descriptor, content));
}

/** Replaces a file as `replaceFile` does by one that `fill` writes. */
export function replaceFileBy(
  files: FileSystem,
  { temporary, path }: { readonly temporary: string; readonly path: string },
  fill: (descriptor: number) => void,
): void {
  try {
    writeNewFile(files, temporary, fill);
    files.renameSync(temporary, path);
  } catch (error) {
    attemptCleanup(() => files.rmSync(temporary, { force: true }));
    throw error;
  }
}

/**
 * Runs a clean-up and ignores its failure, which must not hide an earlier error; the next write or removal cleans up
 * again.
 */
export function attemptCleanup(cleanup: () => void): void {
  try {
    cleanup();
  } catch {
    // The next write of the same name cleans up.
  }
}

/** Creates a file of mode 0600 and lets `fill` write it; overwrites one that remained after a crash. */
export function writeNewFile(files: FileSystem, path: string, fill: (descriptor: number) => void): void {
  const descriptor = files.openSync(path, 'w', 0o600);
  try {
    fill(descriptor);
  } finally {
    files.closeSync(descriptor);
  }
}

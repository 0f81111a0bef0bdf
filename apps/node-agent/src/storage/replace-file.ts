import type { FileSystem } from './file-system.ts';

/**
 * Replaces the content of a file in a directory so that a reader, also one after a crash, finds the old or the new whole. The file is
 * root's alone (0600). Never makes the directory: when that is gone, so is what the file belonged to (ENOENT).
 */
export function replaceFile(files: FileSystem, directory: string, name: string, content: string | Uint8Array): void {
  const temporary = `${directory}/..new-${name}`;
  try {
    writeNewFile(files, temporary, (descriptor) => files.writeFileSync(descriptor, content));
    files.renameSync(temporary, `${directory}/${name}`);
  } catch (error) {
    attemptCleanup(() => files.rmSync(temporary, { force: true }));
    throw error;
  }
}

/** Runs a clean-up whose own failure must not hide the error before it; the next write or removal cleans up again. */
export function attemptCleanup(cleanup: () => void): void {
  try {
    cleanup();
  } catch {
    // Left for the next write of the same name.
  }
}

/** Makes a file of mode 0600 and lets `fill` write it; one that a crash left there is written over. */
export function writeNewFile(files: FileSystem, path: string, fill: (descriptor: number) => void): void {
  const descriptor = files.openSync(path, 'w', 0o600);
  try {
    fill(descriptor);
  } finally {
    files.closeSync(descriptor);
  }
}

import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { FileSystem } from '../storage/file-system.ts';

/**
 * Creates the target directory, which CSI leaves to the plugin; the kubelet has created its parent.
 * @returns whether it is new, so that nothing can be mounted on it
 */
export function createTarget(files: FileSystem, path: string): boolean {
  return attempt(`create ${path}`, () => files.mkdirSync(path, { recursive: true, mode: 0o750 }) !== undefined);
}

/**
 * Deletes the empty target, as CSI requires. A missing target is not an error; a directory with files is not the
 * driver's and is kept.
 */
export function removeTarget(files: FileSystem, path: string): void {
  attempt(`remove ${path}`, () => {
    try {
      files.rmdirSync(path);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  });
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new CertfleetError('unavailable', `cannot ${what}: ${(cause as Error).message}`, {
      reason: 'MountFailed',
      cause,
    });
  }
}

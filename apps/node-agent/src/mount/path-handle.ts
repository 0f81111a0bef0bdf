import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** O_PATH (asm-generic/fcntl.h), which Node does not export: a descriptor of a path without opening the file. */
const openAsPath = 0o10000000;

/**
 * Calls `use` with a descriptor of exactly that path. If its last component is a symbolic link, the descriptor refers
 * to the link itself; with `directory`, opening fails (ENOTDIR), so that a mount cannot be redirected by a link.
 * @throws the system's error if the path cannot be opened
 */
export function withPathHandle<T>(path: string, kind: 'any' | 'directory', use: (descriptor: number) => T): T {
  const directoryFlag = kind === 'directory' ? constants.O_DIRECTORY : 0;
  const descriptor = openSync(path, openAsPath | constants.O_NOFOLLOW | directoryFlag);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The same for the parent directory of the path's last component, following symbolic links. */
export function withParentHandle<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(dirname(path), openAsPath | constants.O_DIRECTORY);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A path by which the kernel resolves an open descriptor, even if the file was renamed. */
export function pathOfDescriptor(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/** The id of the mount that contains the descriptor (proc_pid_fdinfo(5), since Linux 3.15). */
export function mountIdOf(descriptor: number): number {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
  return Number(id);
}

import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** O_PATH (asm-generic/fcntl.h), which Node does not name: refers to a place without opening what is there. */
const openAsPath = 0o10000000;

/**
 * Calls `use` with a descriptor of exactly that path. When its last component is a symbolic link, the descriptor is of
 * the link itself, or with `directory` the opening fails (ENOTDIR), so nobody can redirect a mount by swapping one in.
 * @throws the system's error when the path cannot be opened
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

/** The same for the directory that holds the path's last component, whatever symbolic links lead to it. */
export function withParentHandle<T>(path: string, use: (descriptor: number) => T): T {
  const descriptor = openSync(dirname(path), openAsPath | constants.O_DIRECTORY);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** The path under which the kernel resolves an open descriptor, whatever its name has become since. */
export function pathOfDescriptor(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

/** The number of the mount that the descriptor lies on (proc_pid_fdinfo(5), since Linux 3.15). */
export function mountIdOf(descriptor: number): number {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1];
  return Number(id);
}

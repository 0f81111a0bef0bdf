import { fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { loadMountCalls, mountFlags, unmountFlags } from './mount-calls.ts';
import type { MountCalls } from './mount-calls.ts';
import { mountError } from './mount-error.ts';
import type { Mounter } from './mounter.ts';
import { mountIdOf, pathOfDescriptor, withParentHandle, withPathHandle } from './path-handle.ts';

const { errno } = constants;
const safeFlags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec;

/** The mounter of a real node, which uses system calls. */
export function createLinuxMounter(calls: MountCalls = loadMountCalls()): Mounter {
  // The interface is asynchronous, the calls are not (see mount-calls.ts): an error becomes a rejection here.
  return {
    mountTmpfs: (target, sizeBytes) => settle(() => mountTmpfs(calls, target, sizeBytes)),
    resizeTmpfs: (target, sizeBytes) => settle(() => resizeTmpfs(calls, target, sizeBytes)),
    bindReadOnly: (source, target) => settle(() => bindReadOnly(calls, source, target)),
    makeReadOnly: (target) => settle(() => makeReadOnly(calls, target)),
    unmount: (target) => settle(() => unmountAll(calls, target)),
    isMounted: (target) => settle(() => isMounted(target)),
    shows: (source, target) => settle(() => shows(source, target)),
  };
}

function mountTmpfs(calls: MountCalls, target: string, sizeBytes: number): void {
  assertSize(sizeBytes);
  const data = `size=${sizeBytes},mode=0700`;
  onDirectory('mount a tmpfs on', target, (path) => {
    const mount = (mountData: string): number =>
      calls.mount('certfleet', path, { fileSystem: 'tmpfs', flags: safeFlags, data: mountData });
    const result = mount(`${data},noswap`);
    // EINVAL: before Linux 6.4 noswap is unknown, and in a user namespace it is forbidden.
    return result === errno.EINVAL ? mount(data) : result;
  });
}

function resizeTmpfs(calls: MountCalls, target: string, sizeBytes: number): void {
  assertSize(sizeBytes);
  const flags = mountFlags.remount | safeFlags;
  onDirectory('resize the tmpfs on', target, (path) => {
    const remount = (data: string): number => calls.mount(null, path, { flags, data });
    // A remount can neither set nor clear noswap, and fails with EINVAL if it does not repeat the mount's option.
    const result = remount(`size=${sizeBytes},noswap`);
    const settled = result === errno.EINVAL ? remount(`size=${sizeBytes}`) : result;
    if (settled !== errno.EINVAL) return settled;
    throw new CertfleetError(
      'resource-exhausted',
      `resize the tmpfs on ${target} to ${sizeBytes} bytes: EINVAL, it holds more than that`,
      { reason: 'MountFailed' },
    );
  });
}

function assertSize(sizeBytes: number): void {
  if (Number.isSafeInteger(sizeBytes) && sizeBytes > 0) return;
  throw new CertfleetError('invalid-argument', `expected the tmpfs's size as a positive integer, found ${sizeBytes}`);
}

function bindReadOnly(calls: MountCalls, source: string, target: string): void {
  onDirectory('bind-mount', source, (from) => {
    onDirectory('bind-mount on', target, (onto) => calls.mount(from, onto, { flags: mountFlags.bind }));
    return 0;
  });
  try {
    makeReadOnly(calls, target);
  } catch (error) {
    calls.umount(target, unmountFlags.detach | unmountFlags.noFollow);
    throw error;
  }
}

/**
 * With MS_BIND, mount(2) ignores every other flag except MS_REC: only a remount of the new mount makes it read-only.
 * The target is opened again because the first descriptor refers to the directory below the mount.
 */
function makeReadOnly(calls: MountCalls, target: string): void {
  const flags = mountFlags.remount | mountFlags.bind | mountFlags.readOnly | safeFlags;
  onDirectory('make read-only', target, (mounted) => calls.mount(null, mounted, { flags }));
}

function unmountAll(calls: MountCalls, target: string): void {
  assertPath(target);
  let result = 0;
  while (result === 0) {
    result = calls.umount(target, unmountFlags.noFollow);
    // Last resort: a process of the node has a file open through the target (a pod's own mount is separate and does not
    // count). A lazy unmount frees the name immediately and ends the mount with its last user. Otherwise the pod could
    // not be deleted until that process closes the file.
    if (result === errno.EBUSY) result = calls.umount(target, unmountFlags.detach | unmountFlags.noFollow);
  }
  // EINVAL means "not a mount point" or "locked"; EPERM is returned before either is checked.
  if (result !== errno.ENOENT && isMounted(target)) throw mountError('unmount', target, result);
}

/** Synchronous queries of the kernel's mounts, for the start of the agent. */
export interface MountProbe {
  /** As Mounter.isMounted. */
  isMounted(target: string): boolean;
  /** As Mounter.shows. */
  shows(source: string, target: string): boolean;
}

export const kernelMounts: MountProbe = { isMounted, shows };

/**
 * A path is a mount point if its mount differs from that of its parent directory. This avoids reading the whole mount
 * table, which does not resolve symbolic links.
 */
function isMounted(target: string): boolean {
  assertPath(target);
  const mountIds = whileThere(target, () => ({
    parent: withParentHandle(target, mountIdOf),
    own: withPathHandle(target, 'any', mountIdOf),
  }));
  return mountIds !== undefined && mountIds.own !== mountIds.parent;
}

/** Device and inode identify a directory, even if another one of the same name is deleted or created. */
function shows(source: string, target: string): boolean {
  assertPath(source);
  if (!isMounted(target)) return false;
  const identityOf = (path: string): string =>
    withPathHandle(path, 'directory', (descriptor) => {
      const { dev, ino } = fstatSync(descriptor, { bigint: true });
      return `${dev}:${ino}`;
    });
  const wanted = whileThere(source, () => identityOf(source));
  return wanted !== undefined && wanted === whileThere(target, () => identityOf(target));
}

/** The result of `look`; undefined if the path is missing or one of its components is not a directory. */
function whileThere<T>(path: string, look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const code = systemErrno(error);
    if (code === errno.ENOENT || code === errno.ENOTDIR) return undefined;
    throw code === undefined ? error : mountError('look at', path, code);
  }
}

/** Runs one mount call on a directory by its descriptor; a failure becomes an error that names the path. */
function onDirectory(step: string, path: string, call: (descriptorPath: string) => number): void {
  assertPath(path);
  let result: number;
  try {
    result = withPathHandle(path, 'directory', (descriptor) => call(pathOfDescriptor(descriptor)));
  } catch (error) {
    const code = systemErrno(error);
    throw code === undefined ? error : mountError(step, path, code);
  }
  if (result !== 0) throw mountError(step, path, result);
}

/** The C library would end a path at a NUL and use another one. */
function assertPath(path: string): void {
  if (path.startsWith('/') && !path.includes('\0')) return;
  throw new CertfleetError('invalid-argument', `expected an absolute path, found ${JSON.stringify(path)}`);
}

function systemErrno(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return undefined;
  return -error.errno;
}

function settle<T>(action: () => T): Promise<T> {
  return new Promise((resolve) => resolve(action()));
}

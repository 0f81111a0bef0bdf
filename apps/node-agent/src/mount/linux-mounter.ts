import { dirname } from 'node:path';
import { constants } from 'node:os';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { loadMountCalls, mountFlags, unmountFlags } from './mount-calls.ts';
import type { MountCalls } from './mount-calls.ts';
import { mountError } from './mount-error.ts';
import type { Mounter } from './mounter.ts';
import { mountIdOf, pathOfDescriptor, withPathHandle } from './path-handle.ts';

const { errno } = constants;
const safeFlags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec;

/** The mounter of a real node, over the kernel's own calls. */
export function createLinuxMounter(calls: MountCalls = loadMountCalls()): Mounter {
  // The contract is asynchronous, the calls are not (see mount-calls.ts): a throw becomes a rejection here.
  return {
    mountTmpfs: (target, sizeBytes) => settle(() => mountTmpfs(calls, target, sizeBytes)),
    bindReadOnly: (source, target) => settle(() => bindReadOnly(calls, source, target)),
    unmount: (target) => settle(() => unmountAll(calls, target)),
    isMounted: (target) => settle(() => isMounted(target)),
  };
}

function mountTmpfs(calls: MountCalls, target: string, sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
    throw new CertfleetError('invalid-argument', `expected the tmpfs's size as a positive integer, found ${sizeBytes}`);
  }
  const data = `size=${sizeBytes},mode=0700`;
  onDirectory('mount a tmpfs on', target, (path) => {
    const mount = (mountData: string): number =>
      calls.mount('certfleet', path, { fileSystem: 'tmpfs', flags: safeFlags, data: mountData });
    const result = mount(`${data},noswap`);
    // Before Linux 6.4, and for ever in a user namespace, noswap is an unknown or forbidden option: EINVAL.
    return result === errno.EINVAL ? mount(data) : result;
  });
}

function bindReadOnly(calls: MountCalls, source: string, target: string): void {
  onDirectory('bind-mount', source, (from) => {
    onDirectory('bind-mount on', target, (onto) => calls.mount(from, onto, { flags: mountFlags.bind }));
    return 0;
  });
  try {
    // mount(2) ignores every flag but MS_REC beside MS_BIND: only a remount of the new mount makes it read-only. The
    // target is opened again because the first descriptor is of the directory below the mount.
    const flags = mountFlags.remount | mountFlags.bind | mountFlags.readOnly | safeFlags;
    onDirectory('make read-only', target, (mounted) => calls.mount(null, mounted, { flags }));
  } catch (error) {
    calls.umount(target, unmountFlags.detach | unmountFlags.noFollow);
    throw error;
  }
}

function unmountAll(calls: MountCalls, target: string): void {
  assertPath(target);
  let result = 0;
  while (result === 0) {
    result = calls.umount(target, unmountFlags.noFollow);
    // Last resort: a process of the node has a file open through the target (a pod's own mount is another one and does
    // not count). Detached, the name is free at once and the mount ends with its last user, instead of a pod that
    // cannot be deleted for as long as somebody looks.
    if (result === errno.EBUSY) result = calls.umount(target, unmountFlags.detach | unmountFlags.noFollow);
  }
  // EINVAL says "not a mount point", but "locked" just as well; EPERM comes before either is looked at.
  if (result !== errno.ENOENT && isMounted(target)) throw mountError('unmount', target, result);
}

/** A path is a mount point when it lies on another mount than its parent: no need to read the whole mount table. */
function isMounted(target: string): boolean {
  assertPath(target);
  try {
    const parent = withPathHandle(dirname(target), 'any', mountIdOf);
    return withPathHandle(target, 'any', mountIdOf) !== parent;
  } catch (error) {
    const code = systemErrno(error);
    if (code === errno.ENOENT || code === errno.ENOTDIR) return false;
    throw code === undefined ? error : mountError('look at', target, code);
  }
}

/** Runs one mount call on a directory by its descriptor, and turns any failure into an error that names the path. */
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

/** The C library would cut a path at a NUL and act on another one. */
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

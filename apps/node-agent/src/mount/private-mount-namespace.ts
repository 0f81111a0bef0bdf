import koffi from 'koffi';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { loadMountCalls } from './mount-calls.ts';
import { mountError } from './mount-error.ts';

/** CLONE_NEWNS of linux/sched.h; MS_REC and MS_PRIVATE of linux/mount.h. */
const newMountNamespace = 0x00020000;
const recursivelyPrivate = 0x4000 | 0x40000;

/**
 * Moves this process's main thread, and every child that it starts later, into a private mount namespace: later mounts
 * are invisible to other processes and end with this one. Threads that already run, such as those of asynchronous file
 * calls, stay in the old namespace.
 * @throws CertfleetError permission-denied without CAP_SYS_ADMIN
 */
export function enterPrivateMountNamespace(): void {
  const unshare = koffi.load(null).func('int unshare(int flags)') as (flags: number) => number;
  if (unshare(newMountNamespace) !== 0) {
    throw new CertfleetError('permission-denied', 'a private mount namespace needs CAP_SYS_ADMIN');
  }
  const result = loadMountCalls().mount(null, '/', { flags: recursivelyPrivate });
  if (result !== 0) throw mountError('make private', '/', result);
}

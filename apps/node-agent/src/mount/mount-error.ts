import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { ErrorCode } from '@certfleet/shared/errors.ts';

const { errno } = constants;

/** Explanations of the usual failures of mount(2), umount2(2) and of opening their targets. */
const meanings: ReadonlyMap<number, readonly [ErrorCode, string]> = new Map<number, readonly [ErrorCode, string]>([
  [errno.EPERM, ['permission-denied', 'changing the mount table needs CAP_SYS_ADMIN (a privileged container)']],
  [errno.EACCES, ['permission-denied', 'access to the path is denied']],
  [errno.ENOENT, ['not-found', 'the directory does not exist']],
  [errno.ENOTDIR, ['failed-precondition', 'expected a directory (a symbolic link is not followed)']],
  [errno.ELOOP, ['failed-precondition', 'expected a directory, found a symbolic link']],
  [errno.EINVAL, ['failed-precondition', 'the kernel refused the options, or the mount is locked or gone']],
  [errno.EBUSY, ['unavailable', 'the mount is in use']],
  [errno.ENODEV, ['failed-precondition', 'the kernel does not support the file system']],
  [errno.ENOMEM, ['resource-exhausted', 'the kernel is out of memory']],
  [errno.ENOSPC, ['resource-exhausted', 'the mount table is full (fs.mount-max)']],
  [errno.EROFS, ['failed-precondition', 'the file system is read-only']],
  [errno.ENAMETOOLONG, ['invalid-argument', 'the path is too long']],
]);

/** The error of a failed step on a path: `unmount /a/b: EBUSY, the mount is in use`. `errnoValue` is positive. */
export function mountError(step: string, path: string, errnoValue: number): CertfleetError {
  const [code, meaning] = meanings.get(errnoValue) ?? ['internal', 'unexpected system error'];
  const name = getSystemErrorName(-errnoValue);
  return new CertfleetError(code, `${step} ${path}: ${name}, ${meaning}`, { reason: 'MountFailed' });
}

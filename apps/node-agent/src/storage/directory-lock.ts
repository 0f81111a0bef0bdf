import { closeSync, constants, openSync } from 'node:fs';
import koffi from 'koffi';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** LOCK_EX and LOCK_NB of sys/file.h. */
const exclusiveWithoutWaiting = 2 | 4;
const pollMs = 250;

/** How long to wait for the current owner. */
export interface LockWait {
  readonly clock: Clock;
  /** In milliseconds. A rolling update starts the next agent while the previous one is stopping. */
  readonly maxMs: number;
  readonly onWait: () => void;
  readonly signal: AbortSignal;
}

/**
 * Locks a directory for this process and returns the function that unlocks it. It uses flock(2) on the directory:
 * containers that share it lock the same inode in any process namespace, a mounted directory cannot be removed, and the
 * kernel releases the lock when the process ends for any reason.
 * @throws CertfleetError unavailable if another process holds the lock for the whole time; the signal's reason
 */
export async function lockDirectory(path: string, wait: LockWait): Promise<() => void> {
  const flock = koffi.load(null).func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const untilMs = wait.clock.monotonic() + wait.maxMs;
  // The clock's timers do not keep the process alive, and nothing else does at this point of the start.
  const keepAlive = setInterval(() => undefined, 60_000);
  try {
    for (let isFirst = true; flock(descriptor, exclusiveWithoutWaiting) !== 0; isFirst = false) {
      if (isFirst) wait.onWait();
      if (wait.clock.monotonic() >= untilMs) throw locked(path);
      await delay(wait.clock, pollMs, wait.signal);
    }
  } catch (error) {
    closeSync(descriptor);
    throw error;
  } finally {
    clearInterval(keepAlive);
  }
  return () => closeSync(descriptor);
}

function locked(path: string): CertfleetError {
  return new CertfleetError(
    'unavailable',
    `another agent of this node uses ${path}: two agents would remove each other's volumes; stop one of them`,
    { reason: 'DataRootLocked' },
  );
}

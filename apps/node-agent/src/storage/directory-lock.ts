import { closeSync, constants, openSync } from 'node:fs';
import koffi from 'koffi';
import { delay } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';

/** LOCK_EX and LOCK_NB of sys/file.h. */
const exclusiveWithoutWaiting = 2 | 4;
const pollMs = 250;

/** How long the owner before this one is waited for. */
export interface LockWait {
  readonly clock: Clock;
  /** A rolling update starts the next agent while the former still ends. */
  readonly maxMs: number;
  readonly onWait: () => void;
  readonly signal: AbortSignal;
}

/**
 * Locks a directory for this process, and gives the means to let go of it. flock(2) on the directory itself: containers
 * that share it meet on the same inode whatever their process namespaces, nobody can remove it under a mount, and the
 * kernel lets go of it when the process ends, however it ends.
 * @throws CertfleetError unavailable when another process has it for all the time; the signal's reason
 */
export async function lockDirectory(path: string, wait: LockWait): Promise<() => void> {
  const flock = koffi.load(null).func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  const untilMs = wait.clock.monotonic() + wait.maxMs;
  // The clock's timers keep no process alive, and at this time of a start nothing else does.
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
    `another agent of this node works on ${path}: two would take each other's volumes; stop one of them`,
    { reason: 'DataRootLocked' },
  );
}

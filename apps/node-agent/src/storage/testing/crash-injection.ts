import { systemFiles } from '../file-system.ts';
import type { FileSystem } from '../file-system.ts';

/** Thrown by every file system call after the injected crash. */
class InjectedCrash extends Error {}

/**
 * For tests: the system's files for a process that crashes before its call number `lifetime` (the first is 0). Later
 * calls have no effect, as after SIGKILL; this includes error handlers and `finally`.
 */
function crashingFiles(lifetime: number): FileSystem {
  let calls = 0;
  return new Proxy(systemFiles, {
    get(target, property: keyof FileSystem) {
      const call = target[property] as (...values: unknown[]) => unknown;
      return (...values: unknown[]) => {
        if (calls++ >= lifetime) throw new InjectedCrash(`killed before ${property}`);
        return call(...values);
      };
    },
  });
}

/**
 * For tests: runs `act` once for each step at which it can crash, from before its first file system call until it
 * completes. `act` gets the crashing files; `check` inspects the result.
 * @returns the number of steps
 */
export function crashAtEachStep(act: (files: FileSystem) => void, check: (step: number) => void): number {
  for (let step = 0; ; step++) {
    let alive = true;
    try {
      act(crashingFiles(step));
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      if (!(cause instanceof InjectedCrash)) throw error;
      alive = false;
    }
    check(step);
    if (alive) return step;
  }
}

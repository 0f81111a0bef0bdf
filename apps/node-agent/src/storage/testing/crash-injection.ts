import { systemFiles } from '../file-system.ts';
import type { FileSystem } from '../file-system.ts';

/** Thrown by every call on files whose process "was killed". */
class InjectedCrash extends Error {}

/**
 * For tests: the system's files for a process that is killed before its call number `lifetime` (the first is 0). From
 * then on nothing it does has any effect, as with SIGKILL, error handlers and `finally` included.
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
 * For tests: does something once for each step at which it can be killed, from before its first call on files until it
 * lives to the end. `act` gets the mortal files, `check` looks at what is left.
 * @returns how many steps there were
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

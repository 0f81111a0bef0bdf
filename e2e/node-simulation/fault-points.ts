/** Thrown by every access of an ended process, so that nothing it does has an effect. */
export class ProcessEnded extends Error {}

/** A failure of later calls. */
export interface ArmedFailure {
  /** Name of the system's error, such as ENOSPC. */
  readonly code: string;
  /** How many matching calls pass first. */
  readonly skip: number;
  /** How many consecutive calls then fail. */
  readonly count: number;
  /** Called once, on the first failing call. */
  readonly onMet?: (() => void) | undefined;
}

/** Code of a failure that ends the process instead of the call. */
export const killCode = 'KILL';

/** The possible errors per call; EIO is possible for all. */
const applicable: Readonly<Record<string, ReadonlySet<string>>> = {
  ENOSPC: new Set(['mkdir', 'open', 'write', 'symlink', 'rename']),
  EMFILE: new Set(['open', 'read', 'readdir']),
  EBUSY: new Set(['unmount', 'rmdir', 'rename', 'bind']),
  EINVAL: new Set(['bind', 'make read-only', 'unmount']),
};

/** Node's existsSync reports no error, and close always releases the descriptor. */
const infallible: ReadonlySet<string> = new Set(['exists', 'close', 'statfs']);

/** Applies armed faults to calls of one kind (on files, on mounts). Belongs to the node. */
export class FaultPoints {
  readonly #armed: { code: string; skip: number; count: number; onMet: (() => void) | undefined }[] = [];
  /** Called on every applied fault. */
  onFault: ((call: string, path: string, code: string) => void) | undefined;
  /** Called before every call. */
  onCall: ((call: string, path: string) => void) | undefined;

  arm({ code, skip, count, onMet }: ArmedFailure): void {
    this.#armed.push({ code, skip, count, onMet });
  }

  heal(): void {
    this.#armed.length = 0;
  }

  /** The error of this call; undefined when it succeeds. */
  meet(call: string, path: string): string | undefined {
    this.onCall?.(call, path);
    for (const [index, failure] of this.#armed.entries()) {
      if (!canMeet(call, failure.code)) continue;
      if (failure.skip > 0) {
        failure.skip -= 1;
        continue;
      }
      failure.count -= 1;
      if (failure.count <= 0) this.#armed.splice(index, 1);
      this.onFault?.(call, path, failure.code);
      failure.onMet?.();
      failure.onMet = undefined;
      return failure.code;
    }
    return undefined;
  }
}

/** Whether a call can fail with that code. */
export function canMeet(call: string, code: string): boolean {
  if (code === killCode) return true;
  return !infallible.has(call) && applicable[code]?.has(call) !== false;
}

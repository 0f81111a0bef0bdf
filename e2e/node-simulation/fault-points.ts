/** Thrown by everything that a process touches once it has ended: nothing that it does has any effect then. */
export class ProcessEnded extends Error {}

/** A failure that some later calls meet. */
export interface ArmedFailure {
  /** Name of the system's error, such as ENOSPC. */
  readonly code: string;
  /** How many calls that it could meet are let pass first. */
  readonly skip: number;
  /** How many calls it meets then, one after another. */
  readonly count: number;
  /** Called once, when the first call meets it. */
  readonly onMet?: (() => void) | undefined;
}

/** Code of a failure that ends the process instead of the call. */
export const killCode = 'KILL';

/** Which calls can fail with which error; any can with EIO. */
const applicable: Readonly<Record<string, ReadonlySet<string>>> = {
  ENOSPC: new Set(['mkdir', 'open', 'write', 'symlink', 'rename']),
  EMFILE: new Set(['open', 'read', 'readdir']),
  EBUSY: new Set(['unmount', 'rmdir', 'rename', 'bind']),
  EINVAL: new Set(['bind', 'make read-only', 'unmount']),
};

/** Node's existsSync reports no error, and close releases the descriptor whatever it answers. */
const infallible: ReadonlySet<string> = new Set(['exists', 'close', 'statfs']);

/** Where calls of one kind (on files, on mounts) meet the faults that are armed for them. Belongs to the node. */
export class FaultPoints {
  readonly #armed: { code: string; skip: number; count: number; onMet: (() => void) | undefined }[] = [];
  /** Told of every fault that was met. */
  onFault: ((call: string, path: string, code: string) => void) | undefined;
  /** Called before every call, whether it fails or not. */
  onCall: ((call: string) => void) | undefined;

  arm({ code, skip, count, onMet }: ArmedFailure): void {
    this.#armed.push({ code, skip, count, onMet });
  }

  heal(): void {
    this.#armed.length = 0;
  }

  /** The error that this call meets; undefined when it works. */
  meet(call: string, path: string): string | undefined {
    this.onCall?.(call);
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

/** Whether a call can meet a failure with that code. */
export function canMeet(call: string, code: string): boolean {
  if (code === killCode) return true;
  return !infallible.has(call) && applicable[code]?.has(call) !== false;
}

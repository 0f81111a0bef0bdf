import { mountError } from '../../apps/node-agent/src/mount/mount-error.ts';
import type { Mounter } from '../../apps/node-agent/src/mount/mounter.ts';
import { constants } from 'node:os';
import type { Inode, MemoryTree } from './memory-tree.ts';

/** A bind mount: it shows a directory even if that is renamed or deleted. */
export interface BindMount {
  readonly source: Inode;
  readonly sourcePath: string;
  readonly onto: Inode;
  isReadOnly: boolean;
}

/** The steps of a mount call that may fail or end the process. */
export type MountStep = 'bind' | 'make read-only' | 'unmount' | 'look at';

/** Called before each step; it may throw a system error by its code, or end the process. */
export type MountGuard = (step: MountStep, target: string) => void;

/** The node's mount table: it outlives the agent's process, and a reboot empties it. */
export class MountPoints {
  readonly #tree: MemoryTree;
  /** Stacked on each target, the topmost last. */
  readonly #mounts = new Map<string, BindMount[]>();

  constructor(tree: MemoryTree) {
    this.#tree = tree;
  }

  /** The visible mount at the target. */
  at(target: string): BindMount | undefined {
    return this.#mounts.get(target)?.at(-1);
  }

  /** All targets, once per mount. */
  get targets(): readonly string[] {
    return [...this.#mounts.keys()];
  }

  clear(): void {
    for (const target of this.targets) this.remove(target);
  }

  add(target: string, mount: BindMount): void {
    const stack = this.#mounts.get(target) ?? [];
    stack.push(mount);
    this.#mounts.set(target, stack);
    this.#tree.busy.add(mount.onto);
  }

  /** Removes the topmost mount. */
  remove(target: string): void {
    const stack = this.#mounts.get(target);
    const mount = stack?.pop();
    if (mount === undefined || stack === undefined) return;
    if (stack.length > 0) return;
    this.#mounts.delete(target);
    this.#tree.busy.delete(mount.onto);
  }

  /** The mount calls of one process. */
  mounter(guard: MountGuard): Mounter {
    return {
      mountTmpfs: () => Promise.resolve(),
      bindReadOnly: (source, target) => settle(() => this.#bind(source, target, guard)),
      unmount: (target) => settle(() => this.#unmount(target, guard)),
      resizeTmpfs: () => Promise.resolve(),
      makeReadOnly: (target) =>
        settle(() => {
          guard('make read-only', target);
          const mount = this.at(target);
          if (mount === undefined) throw mountError('make read-only', target, constants.errno.EINVAL);
          mount.isReadOnly = true;
        }),
      shows: (source, target) =>
        settle(() => {
          guard('look at', target);
          const mount = this.at(target);
          return mount !== undefined && mount.source === this.#find(source);
        }),
      isMounted: (target) =>
        settle(() => {
          guard('look at', target);
          return this.#mounts.has(target);
        }),
    };
  }

  #bind(sourcePath: string, target: string, guard: MountGuard): void {
    guard('bind', target);
    const source = this.#directory(sourcePath, 'bind-mount');
    const onto = this.#directory(target, 'bind-mount on');
    const mount: BindMount = { source, sourcePath, onto, isReadOnly: false };
    this.add(target, mount);
    try {
      guard('make read-only', target);
    } catch (thrown) {
      // A failed call undoes the first half; a killed process cannot.
      if (isMountError(thrown)) this.remove(target);
      throw thrown;
    }
    mount.isReadOnly = true;
  }

  #unmount(target: string, guard: MountGuard): void {
    guard('unmount', target);
    while (this.#mounts.has(target)) this.remove(target);
  }

  #directory(path: string, step: string): Inode {
    const inode = this.#find(path);
    if (inode === undefined) throw mountError(step, path, constants.errno.ENOENT);
    if (inode.kind !== 'directory') throw mountError(step, path, constants.errno.ENOTDIR);
    return inode;
  }

  #find(path: string): Inode | undefined {
    try {
      return this.#tree.find(path, 'open').inode;
    } catch {
      return undefined;
    }
  }
}

/** The error of a mount step that failed with that system error. */
export function mountFailure(step: MountStep, target: string, code: string): Error {
  return mountError(step, target, (constants.errno as Record<string, number>)[code] ?? constants.errno.EIO);
}

function isMountError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'CertfleetError';
}

function settle<T>(action: () => T): Promise<T> {
  return new Promise((resolve) => resolve(action()));
}

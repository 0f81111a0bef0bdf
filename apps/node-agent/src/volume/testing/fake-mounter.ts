import type { Mounter } from '../../mount/mounter.ts';

/** A mounter with an in-memory mount table. */
export class FakeMounter implements Mounter {
  readonly mounted = new Map<string, string>();
  /** Thrown by the next bind mount. */
  failure: Error | undefined;
  /** Thrown by the next unmount. */
  unmountFailure: Error | undefined;

  mountTmpfs(): Promise<void> {
    return Promise.resolve();
  }

  resizeTmpfs(): Promise<void> {
    return Promise.resolve();
  }

  bindReadOnly(source: string, target: string): Promise<void> {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) return Promise.reject(failure);
    this.mounted.set(target, source);
    return Promise.resolve();
  }

  makeReadOnly(): Promise<void> {
    return Promise.resolve();
  }

  unmount(target: string): Promise<void> {
    const { unmountFailure } = this;
    this.unmountFailure = undefined;
    if (unmountFailure !== undefined) return Promise.reject(unmountFailure);
    this.mounted.delete(target);
    return Promise.resolve();
  }

  isMounted(target: string): Promise<boolean> {
    return Promise.resolve(this.mounted.has(target));
  }

  shows(source: string, target: string): Promise<boolean> {
    return Promise.resolve(this.mounted.get(target) === source);
  }
}

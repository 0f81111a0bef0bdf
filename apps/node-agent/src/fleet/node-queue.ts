import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { RenewalWorker } from './renewal-worker.ts';
import type { RenewalWorkerOptions } from './renewal-worker.ts';

/**
 * This node's queue under the access that the controller gave last. A new password alone is for the connections to come:
 * Redis leaves those that stand in peace. Any other access replaces the worker: the old one ends its jobs first, so that
 * the node never holds more than one worker's connections, and what is queued waits meanwhile.
 */
export class NodeQueue {
  readonly #options: RenewalWorkerOptions;
  #access: RedisAccess | undefined;
  #worker: RenewalWorker | undefined;
  /** Changes of the worker run one after another. */
  #changes: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RenewalWorkerOptions) {
    this.#options = options;
  }

  useAccess(access: RedisAccess): void {
    if (this.#stopped) return;
    const before = this.#access;
    this.#access = access;
    const change = before !== undefined && isSamePlace(before, access) ? this.#changePassword : this.#replace;
    this.#changes = this.#changes.then(() => change.call(this, access));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changes;
    await this.#worker?.stop();
  }

  #changePassword({ password }: RedisAccess): void {
    this.#worker?.changePassword(password);
  }

  async #replace(access: RedisAccess): Promise<void> {
    await this.#worker?.stop();
    this.#worker = undefined;
    if (this.#stopped) return;
    try {
      this.#worker = new RenewalWorker(access, this.#options);
    } catch (thrown) {
      this.#options.log.error({ error: asCertfleetError(thrown).message }, 'access to the renewal queue refused');
    }
  }
}

function isSamePlace(a: RedisAccess, b: RedisAccess): boolean {
  return (['connection', 'username', 'queue', 'prefix'] as const).every((name) => a[name] === b[name]);
}

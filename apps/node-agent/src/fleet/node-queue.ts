import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { RenewalWorker } from './renewal-worker.ts';
import type { RenewalWorkerOptions } from './renewal-worker.ts';

/**
 * This node's queue under the access that the controller gave last. A newer access replaces the worker: the old one ends
 * its jobs first, so that the node never holds more than one worker's connections, and what is queued waits meanwhile.
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
    if (this.#stopped || (this.#access !== undefined && isSame(this.#access, access))) return;
    this.#access = access;
    this.#changes = this.#changes.then(() => this.#replace(access));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#changes;
    await this.#worker?.stop();
  }

  async #replace(access: RedisAccess): Promise<void> {
    await this.#worker?.stop();
    this.#worker = undefined;
    // A newer one came meanwhile, and is next.
    if (this.#stopped || access !== this.#access) return;
    try {
      this.#worker = new RenewalWorker(access, this.#options);
    } catch (thrown) {
      this.#options.log.error({ error: asCertfleetError(thrown).message }, 'access to the renewal queue refused');
    }
  }
}

function isSame(a: RedisAccess, b: RedisAccess): boolean {
  return (['connection', 'username', 'password', 'queue', 'prefix'] as const).every((name) => a[name] === b[name]);
}

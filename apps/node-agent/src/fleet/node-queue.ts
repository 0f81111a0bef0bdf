import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { RedisAccess } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { RenewalWorker } from './renewal-worker.ts';
import type { RenewalWorkerOptions } from './renewal-worker.ts';

/**
 * The worker for this node's queue, with the most recent access from the controller. A new password applies to new
 * connections: Redis keeps those that are open. Any other change replaces the worker: the old one finishes its jobs
 * first, so that the node has the connections of one worker only. Queued jobs stay in Redis.
 */
export class NodeQueue {
  readonly #options: RenewalWorkerOptions;
  #access: RedisAccess | undefined;
  #worker: RenewalWorker | undefined;
  /** Serialises changes of the worker. */
  #changes: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: RenewalWorkerOptions) {
    this.#options = options;
  }

  useAccess(access: RedisAccess): void {
    if (this.#stopped) return;
    const before = this.#access;
    this.#access = access;
    const change = before !== undefined && isSameConnection(before, access) ? this.#changePassword : this.#replace;
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
      this.#options.log.error(
        { error: asCertfleetError(thrown).message },
        'cannot use the access to the renewal queue',
      );
    }
  }
}

function isSameConnection(a: RedisAccess, b: RedisAccess): boolean {
  return (['connection', 'username', 'queue', 'prefix'] as const).every((name) => a[name] === b[name]);
}

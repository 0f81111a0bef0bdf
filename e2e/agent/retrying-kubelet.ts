import { setTimeout as delay } from 'node:timers/promises';
import { CsiClient } from '@certfleet/csi-client/csi-client.ts';
import type { InlineVolume } from '@certfleet/csi-client/csi-client.ts';

/** The kubelet's first wait after a failed operation on a volume; each further one doubles it. */
const firstRetryMs = 500;
/** The kubelet waits up to two minutes, which is too long for a test. */
const maxRetryMs = 2_000;

/**
 * After these codes the kubelet treats the mount as uncertain and unpublishes it later; after any other code it does
 * not.
 */
const uncertainCodes = /^\d+ (CANCELLED|DEADLINE_EXCEEDED|UNAVAILABLE|RESOURCE_EXHAUSTED|ABORTED):/;

/** Calls a restarting agent like the kubelet: a new connection for each call, and retries until it succeeds. */
export class RetryingKubelet {
  readonly #socketPath: string;
  /** Calls without a response or without a connection. */
  lostCalls = 0;
  /** Errors after which the kubelet would forget the volume. */
  readonly finalErrors: string[] = [];

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  publish(volume: InlineVolume): Promise<void> {
    return this.#untilDone((client) => client.publish(volume));
  }

  unpublish(volume: InlineVolume): Promise<void> {
    return this.#untilDone((client) => client.unpublish(volume));
  }

  async #untilDone(call: (client: CsiClient) => Promise<void>): Promise<void> {
    for (let waitMs = firstRetryMs; !(await this.#isDone(call)); waitMs = Math.min(2 * waitMs, maxRetryMs)) {
      await delay(waitMs);
    }
  }

  async #isDone(call: (client: CsiClient) => Promise<void>): Promise<boolean> {
    const client = new CsiClient(this.#socketPath);
    try {
      await call(client);
      return true;
    } catch (thrown) {
      const { message } = thrown as Error;
      if (!uncertainCodes.test(message)) this.finalErrors.push(message);
      else if (message.startsWith('14 ')) this.lostCalls += 1;
      return false;
    } finally {
      client.close();
    }
  }
}

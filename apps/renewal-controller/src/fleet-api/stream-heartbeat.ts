import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import type { ControllerMessage } from '@certfleet/shared/gen/fleet/v1/fleet.ts';

export interface StreamHeartbeatOptions {
  readonly send: (message: Partial<ControllerMessage>) => void;
  readonly intervalMs: number;
  readonly clock: Clock;
}

/**
 * Sends heartbeats on one stream for as long as the controller serves it. They do not depend on Redis or on the agent's
 * reports: an agent that receives none has a stream that no replica serves, and reconnects.
 */
export class StreamHeartbeat {
  readonly #options: StreamHeartbeatOptions;
  #cancel: CancelTimer = () => undefined;

  constructor(options: StreamHeartbeatOptions) {
    this.#options = options;
  }

  /** Call after the welcome. */
  start(): void {
    const { clock, intervalMs, send } = this.#options;
    this.#cancel = clock.schedule(intervalMs, () => {
      send({ heartbeat: {} });
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }
}

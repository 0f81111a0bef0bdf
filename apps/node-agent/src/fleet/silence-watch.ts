import { missedHeartbeats } from '@certfleet/fleet-model/heartbeat.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';

/** A process that was suspended reads the messages that have arrived before it judges. */
const readMs = 500;

/** Detects a stream that the controller no longer serves although the connection is open. */
export class SilenceWatch {
  readonly #clock: Clock;
  readonly #onSilent: (silentMs: number) => void;
  #limitMs: number | undefined;
  #cancel: CancelTimer = () => undefined;

  constructor(clock: Clock, onSilent: (silentMs: number) => void) {
    this.#clock = clock;
    this.#onSilent = onSilent;
  }

  /** @param intervalMs interval of the controller's heartbeats */
  start(intervalMs: number): void {
    this.#limitMs = missedHeartbeats * intervalMs;
    this.received();
  }

  /** Call for every message of the controller. */
  received(): void {
    const limitMs = this.#limitMs;
    if (limitMs === undefined) return;
    this.#cancel();
    this.#cancel = this.#clock.schedule(limitMs, () => {
      this.#cancel = this.#clock.schedule(readMs, () => this.#onSilent(limitMs));
    });
  }

  stop(): void {
    this.#limitMs = undefined;
    this.#cancel();
  }
}

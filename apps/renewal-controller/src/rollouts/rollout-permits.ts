import type { Clock } from '@certfleet/shared/clock.ts';

const minuteMs = 60_000;

/** Limits the rate of rollouts in the fleet and in each namespace. A permit is taken from both or from none. */
export class RolloutPermits {
  readonly #intervalMs: { readonly fleet: number; readonly namespace: number };
  readonly #clock: Clock;
  /** When the next permit is free, on the monotonic clock. */
  #fleetAtMs = -Infinity;
  readonly #namespaceAtMs = new Map<string, number>();

  constructor(perMinute: { readonly fleet: number; readonly namespace: number }, clock: Clock) {
    this.#intervalMs = { fleet: minuteMs / perMinute.fleet, namespace: minuteMs / perMinute.namespace };
    this.#clock = clock;
  }

  /** Whether a rollout may start in this namespace now. */
  isFree(namespace: string): boolean {
    const nowMs = this.#clock.monotonic();
    return nowMs >= this.#fleetAtMs && nowMs >= (this.#namespaceAtMs.get(namespace) ?? -Infinity);
  }

  /** Takes the permit of a rollout that starts. */
  take(namespace: string): void {
    const nowMs = this.#clock.monotonic();
    for (const [each, atMs] of this.#namespaceAtMs) if (atMs <= nowMs) this.#namespaceAtMs.delete(each);
    this.#fleetAtMs = nowMs + this.#intervalMs.fleet;
    this.#namespaceAtMs.set(namespace, nowMs + this.#intervalMs.namespace);
  }
}

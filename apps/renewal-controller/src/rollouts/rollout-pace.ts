import type { Clock } from '@certfleet/shared/clock.ts';
import type { WorkloadRef } from './workload.ts';

const minuteMs = 60_000;
/** Between two rollouts of a workload, whatever nodes report. */
const minBetweenMs = 10 * minuteMs;

/**
 * Limits the rate of rollouts in the fleet and in each namespace, and remembers those of the last minutes. All rollouts of a
 * replica share it, whatever their reason. A permit is taken from both rates or from none.
 */
export class RolloutPace {
  readonly #intervalMs: { readonly fleet: number; readonly namespace: number };
  readonly #clock: Clock;
  /** When the next permit is free, on the monotonic clock. */
  #fleetAtMs = -Infinity;
  readonly #namespaceAtMs = new Map<string, number>();
  /** By UID. */
  readonly #started = new Map<string, { readonly workload: WorkloadRef; readonly atMs: number }>();

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

  /** Notes a rollout that was started. */
  started(workload: WorkloadRef): void {
    this.#started.set(workload.uid, { workload, atMs: this.#clock.monotonic() });
  }

  /** The workloads that were rolled in the last minutes, and must not be rolled again, by UID. */
  get recent(): ReadonlyMap<string, WorkloadRef> {
    const nowMs = this.#clock.monotonic();
    for (const [uid, { atMs }] of this.#started) if (nowMs - atMs >= minBetweenMs) this.#started.delete(uid);
    return new Map([...this.#started].map(([uid, { workload }]) => [uid, workload]));
  }
}

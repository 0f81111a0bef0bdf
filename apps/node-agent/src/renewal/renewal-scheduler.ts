import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { DueQueue } from './due-queue.ts';

/**
 * Longest sleep between two looks at the clock. Timers run on the monotonic clock while not-after is wall time: after a
 * suspended node or a stepped clock the two disagree.
 */
const longestSleepMs = 60_000;

/** What a scheduler needs. */
export interface RenewalSchedulerOptions {
  readonly clock: Clock;
  /** Renewals in progress at once; mounts do not pass through here and so always go first. */
  readonly maxConcurrent: number;
  /** Renews one volume and schedules its next time itself; it must not reject. */
  readonly renew: (volumeId: string) => Promise<void>;
}

/**
 * Starts each volume's renewal at its time. However many volumes there are, one timer is armed: for the soonest of them,
 * so that idle volumes cost nothing.
 */
export class RenewalScheduler {
  readonly #options: RenewalSchedulerOptions;
  readonly #queue = new DueQueue();
  readonly #running = new Set<Promise<void>>();
  #armedFor: number | undefined;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(options: RenewalSchedulerOptions) {
    this.#options = options;
  }

  /** Sets (or moves) the volume's time. A time in the past means as soon as there is room. */
  schedule(volumeId: string, at: Date): void {
    this.#queue.set(volumeId, at.getTime());
    this.#advance();
  }

  unschedule(volumeId: string): void {
    this.#queue.delete(volumeId);
  }

  /** When the volume is due, or undefined when it is not scheduled (or is being renewed now). */
  dueAt(volumeId: string): Date | undefined {
    const dueAtMs = this.#queue.dueAt(volumeId);
    return dueAtMs === undefined ? undefined : new Date(dueAtMs);
  }

  /** Starts nothing more and waits for the renewals in progress. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await Promise.all(this.#running);
  }

  #advance(): void {
    if (this.#stopped) return;
    const nowMs = this.#options.clock.now();
    while (this.#running.size < this.#options.maxConcurrent) {
      const volumeId = this.#queue.popDue(nowMs);
      if (volumeId === undefined) break;
      this.#start(volumeId);
    }
    this.#arm(nowMs);
  }

  #start(volumeId: string): void {
    const run = this.#options.renew(volumeId).finally(() => {
      this.#running.delete(run);
      this.#advance();
    });
    this.#running.add(run);
  }

  #arm(nowMs: number): void {
    // With no room left, the end of a running renewal advances the queue; a timer would only spin.
    const dueAtMs = this.#running.size < this.#options.maxConcurrent ? this.#queue.peekDueAt() : undefined;
    if (dueAtMs === this.#armedFor) return;
    this.#cancelTimer?.();
    this.#armedFor = dueAtMs;
    this.#cancelTimer = undefined;
    if (dueAtMs === undefined) return;
    this.#cancelTimer = this.#options.clock.schedule(Math.min(dueAtMs - nowMs, longestSleepMs), () => {
      this.#armedFor = undefined;
      this.#advance();
    });
  }
}

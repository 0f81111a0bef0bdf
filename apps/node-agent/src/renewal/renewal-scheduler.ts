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
  /**
   * Renewals in progress at once in one group; mounts do not pass through here and so always go first. There is no bound
   * over all groups: a renewal mostly waits, and those of an issuer that does not answer must not hold up the others'.
   */
  readonly maxPerGroup: number;
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
  /** The group of each volume that is scheduled or due. */
  readonly #groups = new Map<string, string>();
  /** Volumes that are due while their group has no room, by group, the soonest due first. */
  readonly #waiting = new Map<string, Set<string>>();
  readonly #running = new Map<string, Set<Promise<void>>>();
  #armedFor: number | undefined;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(options: RenewalSchedulerOptions) {
    this.#options = options;
  }

  /** Sets (or moves) the volume's time, in the group of those that share an issuer. A time in the past means at once. */
  schedule(volumeId: string, at: Date, group: string): void {
    this.#stopWaiting(volumeId);
    this.#groups.set(volumeId, group);
    this.#queue.set(volumeId, at.getTime());
    this.#advance();
  }

  unschedule(volumeId: string): void {
    this.#stopWaiting(volumeId);
    this.#groups.delete(volumeId);
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
    await Promise.all([...this.#running.values()].flatMap((runs) => [...runs]));
  }

  #advance(): void {
    if (this.#stopped) return;
    const nowMs = this.#options.clock.now();
    for (let due = this.#queue.popDue(nowMs); due !== undefined; due = this.#queue.popDue(nowMs)) {
      const group = this.#groups.get(due) ?? '';
      const waiting = this.#waiting.get(group) ?? new Set();
      this.#waiting.set(group, waiting.add(due));
      this.#startWaiting(group);
    }
    this.#arm(nowMs);
  }

  #startWaiting(group: string): void {
    const running = this.#running.get(group) ?? new Set();
    for (const volumeId of this.#waiting.get(group) ?? []) {
      if (this.#stopped || running.size >= this.#options.maxPerGroup) break;
      this.#stopWaiting(volumeId);
      const run = this.#options.renew(volumeId).finally(() => {
        running.delete(run);
        if (running.size === 0) this.#running.delete(group);
        this.#startWaiting(group);
      });
      this.#running.set(group, running.add(run));
    }
  }

  #stopWaiting(volumeId: string): void {
    const group = this.#groups.get(volumeId) ?? '';
    const waiting = this.#waiting.get(group);
    waiting?.delete(volumeId);
    if (waiting?.size === 0) this.#waiting.delete(group);
  }

  #arm(nowMs: number): void {
    const dueAtMs = this.#queue.peekDueAt();
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

import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { DeadlineHeap } from './deadline-heap.ts';

/**
 * Longest sleep between two looks at the clocks. Timers run on the monotonic clock while not-after is wall time: after a
 * suspended node or a stepped clock the two disagree.
 */
const maxSleepMs = 60_000;

/** When a volume is due: as soon as either clock has reached its time. */
export interface Due {
  /** On the monotonic clock. */
  readonly monotonicMs: number;
  /** Milliseconds since the epoch. */
  readonly wallMs?: number;
}

/** A renewal's share of its group's concurrency. */
export interface RenewalSlot {
  /** Gives the slot to the next volume before the renewal has ended; further calls do nothing. */
  release(): void;
}

/** What a scheduler needs. */
export interface RenewalSchedulerOptions {
  readonly clock: Clock;
  /**
   * Slots of one group; mounts take none and so always go first. There is no bound over all groups: a renewal mostly
   * waits, and those of an issuer that does not answer must not hold up the others'.
   */
  readonly maxPerGroup: number;
  /** Renews one volume and schedules its next time itself; it must not reject. */
  readonly renew: (volumeId: string, slot: RenewalSlot) => Promise<void>;
}

/**
 * Starts each volume's renewal at its time. However many volumes there are, one timer is armed: for the soonest of them,
 * so that idle volumes cost nothing.
 */
export class RenewalScheduler {
  readonly #options: RenewalSchedulerOptions;
  readonly #byMonotonic = new DeadlineHeap();
  readonly #byWall = new DeadlineHeap();
  /** The group of each volume that is scheduled or waits for a slot. */
  readonly #groups = new Map<string, string>();
  /** Volumes that are due while their group has no free slot, by group, the soonest due first. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Slots in use, by group. */
  readonly #slots = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #armedForMs: number | undefined;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(options: RenewalSchedulerOptions) {
    this.#options = options;
  }

  /** Sets (or moves) the volume's time, in the group of those that share an issuer. A time in the past means at once. */
  schedule(volumeId: string, { monotonicMs, wallMs }: Due, group: string): void {
    this.#stopWaiting(volumeId);
    this.#groups.set(volumeId, group);
    this.#byMonotonic.set(volumeId, monotonicMs);
    if (wallMs === undefined) this.#byWall.delete(volumeId);
    else this.#byWall.set(volumeId, wallMs);
    this.#advance();
  }

  unschedule(volumeId: string): void {
    this.#stopWaiting(volumeId);
    this.#groups.delete(volumeId);
    this.#byMonotonic.delete(volumeId);
    this.#byWall.delete(volumeId);
  }

  /** Whether the volume has a time or waits for a slot; not so while it is being renewed. */
  isScheduled(volumeId: string): boolean {
    return this.#byMonotonic.dueAt(volumeId) !== undefined || this.#isWaiting(volumeId);
  }

  /** How many volumes have a time or wait for a slot. */
  get size(): number {
    return this.#groups.size;
  }

  /** Starts nothing more and waits for the renewals in progress. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await Promise.all(this.#running);
  }

  #advance(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    for (let due = this.#popDue(); due !== undefined; due = this.#popDue()) {
      const group = this.#groups.get(due) ?? '';
      const waiting = this.#waiting.get(group) ?? new Set();
      this.#waiting.set(group, waiting.add(due));
      this.#startWaiting(group);
    }
    this.#arm(clock.monotonic(), clock.now());
  }

  #popDue(): string | undefined {
    const { clock } = this.#options;
    const due = this.#byMonotonic.popDue(clock.monotonic()) ?? this.#byWall.popDue(clock.now());
    if (due === undefined) return undefined;
    this.#byMonotonic.delete(due);
    this.#byWall.delete(due);
    return due;
  }

  #startWaiting(group: string): void {
    for (const volumeId of this.#waiting.get(group) ?? []) {
      const inUse = this.#slots.get(group) ?? 0;
      if (this.#stopped || inUse >= this.#options.maxPerGroup) break;
      this.#stopWaiting(volumeId);
      this.#groups.delete(volumeId);
      this.#slots.set(group, inUse + 1);
      this.#run(volumeId, group);
    }
  }

  #run(volumeId: string, group: string): void {
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      const inUse = this.#slots.get(group) ?? 0;
      if (inUse <= 1) this.#slots.delete(group);
      else this.#slots.set(group, inUse - 1);
      this.#startWaiting(group);
    };
    const run = this.#options.renew(volumeId, { release }).finally(() => {
      this.#running.delete(run);
      release();
    });
    this.#running.add(run);
  }

  #isWaiting(volumeId: string): boolean {
    return this.#waiting.get(this.#groups.get(volumeId) ?? '')?.has(volumeId) === true;
  }

  #stopWaiting(volumeId: string): void {
    const group = this.#groups.get(volumeId) ?? '';
    const waiting = this.#waiting.get(group);
    waiting?.delete(volumeId);
    if (waiting?.size === 0) this.#waiting.delete(group);
  }

  #arm(monotonicMs: number, wallMs: number): void {
    const soonestMs = Math.min(
      this.#byMonotonic.peekDueAt() ?? Infinity,
      (this.#byWall.peekDueAt() ?? Infinity) - wallMs + monotonicMs,
    );
    const armForMs = soonestMs === Infinity ? undefined : Math.min(soonestMs, monotonicMs + maxSleepMs);
    // An armed timer that fires earlier than needed looks again; one that fires later is moved.
    if (armForMs !== undefined && this.#armedForMs !== undefined && this.#armedForMs <= armForMs) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#armedForMs = armForMs;
    if (armForMs === undefined) return;
    this.#cancelTimer = this.#options.clock.schedule(armForMs - monotonicMs, () => {
      this.#cancelTimer = undefined;
      this.#armedForMs = undefined;
      this.#advance();
    });
  }
}

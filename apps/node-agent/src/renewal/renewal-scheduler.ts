import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { DeadlineHeap } from '@certfleet/shared/deadline-heap.ts';
import { isClockSet, wallOffsetMs } from './wall-clock.ts';

/**
 * Maximum sleep between two checks of the clocks. Timers use the monotonic clock while not-after is wall time: after a
 * suspend of the node or a change of the wall clock the two differ.
 */
const maxSleepMs = 60_000;

/** When a volume is due: as soon as either clock has reached its time. */
export interface Due {
  /** On the monotonic clock. */
  readonly monotonicMs: number;
  /** Milliseconds since the epoch. */
  readonly wallMs?: number;
}

/** A renewal's slot in its group. */
export interface RenewalSlot {
  /** Frees the slot for the next volume before the renewal has ended; further calls have no effect. */
  release(): void;
}

export interface RenewalSchedulerOptions {
  readonly clock: Clock;
  /**
   * Slots of one group. Mounts use none, so they are never delayed. There is no limit over all groups: a renewal mostly
   * waits, and those of an issuer that does not answer must not block those of others.
   */
  readonly maxPerGroup: number;
  /** Renews one volume and schedules its next time; must not reject. */
  readonly renew: (volumeId: string, slot: RenewalSlot) => Promise<void>;
  /** The wall clock was set: times that depend on it may have changed. Called within a minute. */
  readonly onClockSet?: () => void;
}

/**
 * Starts each volume's renewal at its time. Only one timer is armed, for the earliest volume, so that idle volumes cost
 * nothing.
 */
export class RenewalScheduler {
  readonly #options: RenewalSchedulerOptions;
  readonly #byMonotonic = new DeadlineHeap();
  readonly #byWall = new DeadlineHeap();
  /** The group of each volume that is scheduled or waits for a slot. */
  readonly #groups = new Map<string, string>();
  /** Volumes that are due while their group has no free slot, by group, the earliest first. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Slots in use, by group. */
  readonly #slots = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #armedForMs: number | undefined;
  /** The wall clock minus the monotonic clock at the last check. */
  #wallOffsetMs: number;
  #cancelTimer: CancelTimer | undefined;
  #stopped = false;

  constructor(options: RenewalSchedulerOptions) {
    this.#options = options;
    this.#wallOffsetMs = wallOffsetMs(options.clock);
  }

  /**
   * Sets or changes the volume's time and its group of volumes with the same issuer. A time in the past means
   * immediately.
   */
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

  /** Whether the volume has a time or waits for a slot; false while it is being renewed. */
  isScheduled(volumeId: string): boolean {
    return this.#byMonotonic.dueAt(volumeId) !== undefined || this.#isWaiting(volumeId);
  }

  /** Number of volumes that have a time or wait for a slot. */
  get size(): number {
    return this.#groups.size;
  }

  /** Starts no more renewals and waits for those in progress. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await Promise.all(this.#running);
  }

  #advance(): void {
    if (this.#stopped) return;
    const { clock } = this.#options;
    this.#checkWallClock();
    for (let due = this.#popDue(); due !== undefined; due = this.#popDue()) {
      const group = this.#groups.get(due) ?? '';
      const waiting = this.#waiting.get(group) ?? new Set();
      this.#waiting.set(group, waiting.add(due));
      this.#startWaiting(group);
    }
    this.#arm(clock.monotonic(), clock.now());
  }

  #checkWallClock(): void {
    const { clock, onClockSet } = this.#options;
    const offsetMs = wallOffsetMs(clock);
    if (!isClockSet(this.#wallOffsetMs, offsetMs)) return;
    this.#wallOffsetMs = offsetMs;
    onClockSet?.();
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
    // A timer that fires too early checks again; one that would fire too late is replaced.
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

import type { PermitAnswer } from '@certfleet/operator-api/lane-permits.ts';
import { permitLimits } from '@certfleet/operator-api/lane-permits.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Demand, LaneRequest } from '../signing/lane.ts';
import type { PacedLane } from '../signing/paced-lane.ts';

interface UnusedPermit {
  readonly id: string;
  readonly isUrgent: boolean;
  /** In monotonic time, as all times here. */
  readonly atMs: number;
  readonly untilMs: number;
}

interface UsedPermit {
  readonly id: string;
  readonly sinceMs: number;
  /** The lane of this process that admitted it; undefined for a permit of the controller. */
  readonly local: PacedLane | undefined;
}

/** An unused permit expires after this time: others of the lane could have its slot. */
const maxUnusedMs = 2_000;
const defaultTimeoutMs = 60_000;

/** The permits of one lane: those still to be used, and those of requests at the issuer. */
export class HeldPermits {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #unused: readonly UnusedPermit[] = [];
  readonly #used = new Map<string, UsedPermit>();
  #lastLocal = 0;
  #timeoutMs = defaultTimeoutMs;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#unused.length + this.#used.size;
  }

  /** Requests at the issuer. */
  get inUse(): number {
    return this.#used.size;
  }

  /** @param timeoutMs how long a permit counts in the lane */
  add(permits: PermitAnswer['permits'], timeoutMs: number): void {
    const nowMs = this.#clock.monotonic();
    const lifetimeMs = Math.min(maxUnusedMs, timeoutMs / 2);
    this.#timeoutMs = timeoutMs;
    const added = permits.map(({ id, isUrgent, inMs }) => {
      return { id, isUrgent, atMs: nowMs + inMs, untilMs: nowMs + inMs + lifetimeMs };
    });
    // Urgent ones first at the same time, so that a refresh finds its own.
    this.#unused = [...this.#unused, ...added].sort(
      (a, b) => a.atMs - b.atMs || Number(b.isUrgent) - Number(a.isUrgent),
    );
  }

  /**
   * Uses a permit for a request. An urgent request takes any; a refresh none of urgent requests, which ignore windows.
   * @returns the milliseconds until it may start: 0 if it has the permit, Infinity without one
   */
  take({ uid, isUrgent }: LaneRequest): number {
    this.#dropExpired();
    const permit = this.#unused.find((each) => isUrgent || !each.isUrgent);
    if (permit === undefined) return Infinity;
    const nowMs = this.#clock.monotonic();
    if (permit.atMs > nowMs) return permit.atMs - nowMs;
    this.#unused = this.#unused.filter((each) => each !== permit);
    this.#used.set(uid, { id: permit.id, sinceMs: nowMs, local: undefined });
    return 0;
  }

  /** Notes a request that a lane of this process admitted. */
  use(uid: string, local: PacedLane): void {
    this.#lastLocal += 1;
    this.#used.set(uid, { id: `local-${this.#lastLocal}`, sinceMs: this.#clock.monotonic(), local });
  }

  /** The request has ended. @returns the lane of this process that admitted it, if one did */
  end(uid: string): PacedLane | undefined {
    const used = this.#used.get(uid);
    this.#used.delete(uid);
    return used?.local;
  }

  /** The part of the demand without a permit. */
  missing({ urgent, refreshes }: Demand): Demand {
    const ofRefreshes = this.#unused.filter((permit) => !permit.isUrgent).length;
    const ofUrgent = this.#unused.length - ofRefreshes;
    const withoutUrgent = Math.max(0, urgent - ofUrgent);
    const left = Math.max(0, ofRefreshes - withoutUrgent);
    return { urgent: Math.max(0, withoutUrgent - ofRefreshes), refreshes: Math.max(0, refreshes - left) };
  }

  /** Whether there are permits that no request waits for. */
  hasSurplus({ urgent, refreshes }: Demand): boolean {
    return this.#unused.length > urgent + refreshes;
  }

  /** Gives up the permits that are expired or that no request waits for, the latest first. */
  release({ urgent, refreshes }: Demand): void {
    this.#dropExpired();
    this.#unused = this.#unused.slice(0, urgent + refreshes);
  }

  dropUnused(): void {
    this.#unused = [];
  }

  /** The ids that count in the lane. A request without an answer stops counting, as a renewal does. */
  ids(): string[] {
    const sinceMs = this.#clock.monotonic() - this.#timeoutMs;
    const used = [...this.#used.values()].filter((permit) => permit.sinceMs > sinceMs);
    return [...used, ...this.#unused].map(({ id }) => id).slice(0, permitLimits.held);
  }

  #dropExpired(): void {
    const nowMs = this.#clock.monotonic();
    this.#unused = this.#unused.filter(({ untilMs }) => untilMs > nowMs);
  }
}

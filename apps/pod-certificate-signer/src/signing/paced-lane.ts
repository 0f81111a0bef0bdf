import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import type { RenewalWindows } from '@certfleet/fleet-model/lanes/renewal-windows.ts';
import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Lane, LaneRequest, LaneResult } from './lane.ts';

/** The limits of a lane, as LanePolicies set them. */
export interface LaneLimits {
  readonly policy: LanePolicy;
  readonly windows: RenewalWindows;
  readonly isPaused: boolean;
}

export interface PacedLaneOptions {
  readonly clock: Clock;
  /** The limits now. */
  readonly limits: () => LaneLimits;
  readonly random?: () => number;
}

/** Pods that start wait at most this long for the next attempt after an issuer's failure. */
const maxUrgentBackoffMs = 15_000;

/**
 * A lane in this process: the average rate and burst of the policy for all requests, its limit of requests in flight, a
 * back-off while the issuer fails, and its windows and pauses for requests that are not urgent.
 */
export class PacedLane implements Lane {
  readonly #options: PacedLaneOptions;
  /** Empty at the start: signers that restart again and again must not exceed the rate. */
  #tokens = 0;
  #filledAtMs: number;
  #inFlight = 0;
  #failures = 0;
  #backoffUntilMs = -Infinity;
  #failedAtMs = -Infinity;

  constructor(options: PacedLaneOptions) {
    this.#options = options;
    this.#filledAtMs = options.clock.monotonic();
  }

  /** One queue needs no other wake-up than its own results. */
  join(): () => void {
    return () => undefined;
  }

  admit({ isUrgent }: Pick<LaneRequest, 'isUrgent'>): number {
    const { policy } = this.#options.limits();
    if (this.#inFlight >= policy.maxInFlight) return Infinity;
    const waitMs = Math.max(this.#backoffMs(isUrgent), isUrgent ? 0 : this.#closedMs(), this.#rateMs(policy));
    if (waitMs > 0) return waitMs;
    if (policy.ratePerSecond > 0) this.#tokens -= 1;
    this.#inFlight += 1;
    return 0;
  }

  settled({ result, retryAfterMs = 0 }: Pick<LaneResult, 'result' | 'retryAfterMs'>): void {
    this.#inFlight -= 1;
    if (result === 'signed') this.#recover();
    else if (result === 'failed') this.#fail(retryAfterMs);
  }

  /** The issuer signs: others need not wait for the end of the back-off. */
  #recover(): void {
    this.#failures = 0;
    this.#backoffUntilMs = -Infinity;
    this.#failedAtMs = -Infinity;
  }

  #fail(retryAfterMs: number): void {
    const { clock, random = Math.random } = this.#options;
    const { threshold, initialMs, maxMs } = this.#options.limits().policy.backoff;
    const nowMs = clock.monotonic();
    // Many that were in flight together fail together: during the back-off, failures do not make it longer.
    if (nowMs >= this.#backoffUntilMs) {
      this.#failures += 1;
      const backoffMs = doubledDelayMs(initialMs, this.#failures - threshold, maxMs);
      if (this.#failures >= threshold) this.#backoffUntilMs = nowMs + backoffMs * (0.5 + random() / 2);
    }
    if (retryAfterMs > 0) this.#backoffUntilMs = Math.max(this.#backoffUntilMs, nowMs + Math.min(retryAfterMs, maxMs));
    if (this.#failures >= threshold || retryAfterMs > 0) this.#failedAtMs = nowMs;
  }

  #backoffMs(isUrgent: boolean): number {
    const untilMs = isUrgent
      ? Math.min(this.#backoffUntilMs, this.#failedAtMs + maxUrgentBackoffMs)
      : this.#backoffUntilMs;
    return Math.max(0, untilMs - this.#options.clock.monotonic());
  }

  #closedMs(): number {
    const { windows, isPaused } = this.#options.limits();
    return isPaused ? Infinity : windows.opensInMs(this.#options.clock.now());
  }

  #rateMs({ ratePerSecond, burst }: LanePolicy): number {
    const nowMs = this.#options.clock.monotonic();
    const gained = ((nowMs - this.#filledAtMs) / 1000) * ratePerSecond;
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(burst, this.#tokens + gained);
    if (ratePerSecond <= 0) return 0;
    // A timer may fire a fraction of a millisecond early.
    return this.#tokens >= 1 - 1e-9 ? 0 : Math.ceil(((1 - this.#tokens) / ratePerSecond) * 1000);
  }
}

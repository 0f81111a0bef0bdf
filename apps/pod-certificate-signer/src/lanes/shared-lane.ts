import { permitLimits } from '@certfleet/operator-api/lane-permits.ts';
import type { PermitAnswer, PermitRequest } from '@certfleet/operator-api/lane-permits.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { Demand, Lane, LaneMember, LaneRequest, LaneResult } from '../signing/lane.ts';
import { PacedLane } from '../signing/paced-lane.ts';
import type { LaneLimits } from '../signing/paced-lane.ts';
import { HeldPermits } from './held-permits.ts';

/** Asks the controller for permits. */
export type AskPermits = (request: PermitRequest, signal: AbortSignal) => Promise<PermitAnswer>;

export interface SharedLaneOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly issuer: PermitRequest['issuer'];
  /** Unique name of this process. */
  readonly signer: string;
  /** Undefined without a controller. */
  readonly ask: AskPermits | undefined;
  /** The shortest time between two requests to the controller. */
  readonly minGapMs: () => number;
  /** The limits of the LanePolicies, for the time without the controller. */
  readonly limits: () => LaneLimits;
  readonly random?: () => number;
}

/** The signer paces alone after this time without an answer, so that no pod waits for the controller. */
const fallbackAfterMs = 10_000;
const retryMs = 1_000;
/** While the controller does not answer. */
const localRetryMs = 5_000;
/** A pause may end without a call. */
const maxWakeMs = 5_000;
/** Renews what Redis knows about permits in use. */
const keepAliveMs = 5_000;

/**
 * The lane of a cert-manager issuer in the renewal controller, which paces the renewals of CSI volumes too. It collects the
 * demand of the PodCertificateSigners of this issuer and asks for permits in batches. While the controller does not answer,
 * a lane in this process takes over, with the same limits.
 */
export class SharedLane implements Lane {
  readonly #options: SharedLaneOptions;
  readonly #members = new Set<LaneMember>();
  readonly #held: HeldPermits;
  readonly #stop = new AbortController();
  readonly #results: PermitRequest['results'] = [];
  /** The last failure, unless a success followed it. */
  #failed: Pick<PermitRequest, 'error' | 'retryAfterMs'> | undefined;
  #sequence = 0;
  #isAsking = false;
  #askedAtMs = -Infinity;
  /** When the next request is useful if the demand does not grow. */
  #askAgainAtMs = -Infinity;
  /** The demand that the controller knows and has not granted. */
  #known: Demand = { urgent: 0, refreshes: 0 };
  /** The first request since the last answer. */
  #unansweredSinceMs: number | undefined;
  /** Paces while the controller does not answer. */
  #local: PacedLane | undefined;
  #failure = 'no answer';
  #isReturning = false;
  #remembered: { readonly of: LaneLimits; readonly limits: PermitAnswer['limits'] } | undefined;
  #cancelTimer: CancelTimer | undefined;
  #isReviewing = false;
  #cancelWake: CancelTimer | undefined;
  #wakeAtMs = Infinity;

  constructor(options: SharedLaneOptions) {
    this.#options = options;
    this.#held = new HeldPermits(options.clock);
    if (options.ask === undefined) this.#paceAlone('no --controller-url');
  }

  /** Whether it is the lane of the controller; otherwise this process paces alone. */
  get isShared(): boolean {
    return this.#local === undefined;
  }

  get isUnused(): boolean {
    return this.#members.size === 0 && this.#held.size === 0 && this.#results.length === 0;
  }

  join(member: LaneMember): () => void {
    this.#members.add(member);
    this.#reviewSoon();
    return () => {
      this.#members.delete(member);
      this.#reviewSoon();
    };
  }

  admit(request: LaneRequest): number {
    this.#reviewSoon();
    const waitMs = this.#local === undefined ? this.#held.take(request) : this.#admitAlone(this.#local, request);
    if (waitMs === 0) return 0;
    // The lane wakes its members in turn, so that none of them comes first each time.
    this.#wakeIn(waitMs);
    return Infinity;
  }

  #admitAlone(local: PacedLane, { uid, isUrgent }: LaneRequest): number {
    if (this.#held.inUse >= this.#limits().policy.maxInFlight) return Infinity;
    const waitMs = local.admit({ isUrgent });
    if (waitMs === 0) this.#held.use(uid, local);
    return waitMs;
  }

  settled({ uid, result, error, retryAfterMs }: LaneResult): void {
    this.#held.end(uid)?.settled({ result, retryAfterMs });
    if (this.#local !== undefined) this.#wake();
    else if (result !== 'ended') {
      this.#results.push({ source: uid, isOk: result === 'signed' });
      if (this.#results.length > permitLimits.results) this.#results.shift();
      if (result !== 'failed') this.#failed = undefined;
      else this.#failed = { error: error?.slice(0, permitLimits.error) ?? '', retryAfterMs: bounded(retryAfterMs) };
    }
    this.#reviewSoon();
  }

  stop(): void {
    this.#stop.abort();
    this.#cancelTimer?.();
    this.#cancelWake?.();
  }

  /** Not at once: a queue asks for one request while it hands over many. */
  #reviewSoon(): void {
    if (this.#isReviewing) return;
    this.#isReviewing = true;
    this.#scheduleReview(0);
  }

  #scheduleReview(delayMs: number): void {
    this.#cancelTimer?.();
    if (this.#stop.signal.aborted || delayMs === Infinity) return;
    this.#cancelTimer = this.#options.clock.schedule(Math.max(0, delayMs), () => this.#review());
  }

  #review(): void {
    this.#isReviewing = false;
    const nowMs = this.#options.clock.monotonic();
    if (this.#patientUntilMs() <= nowMs) this.#paceAlone(this.#failure);
    if (this.#dueMs() <= nowMs) void this.#ask();
    this.#scheduleNextReview();
  }

  #scheduleNextReview(): void {
    if (this.#isReviewing) return;
    this.#scheduleReview(Math.min(this.#dueMs(), this.#patientUntilMs()) - this.#options.clock.monotonic());
  }

  #patientUntilMs(): number {
    if (this.#local !== undefined || this.#unansweredSinceMs === undefined) return Infinity;
    return this.#unansweredSinceMs + fallbackAfterMs;
  }

  /** When to ask next. */
  #dueMs(): number {
    if (this.#isAsking || this.isUnused || this.#options.ask === undefined) return Infinity;
    if (this.#local !== undefined) return this.#askedAtMs + localRetryMs;
    if (this.#unansweredSinceMs !== undefined) return this.#askedAtMs + retryMs;
    return this.#usefulMs();
  }

  #usefulMs(): number {
    const soonestMs = this.#askedAtMs + this.#options.minGapMs();
    const { urgent, refreshes } = this.#held.missing(this.#demand());
    const isNew = urgent > this.#known.urgent || (refreshes > 0 && this.#known.urgent + this.#known.refreshes === 0);
    const isWaiting = urgent + refreshes > 0;
    if (isNew || (isWaiting && this.#results.length > 0)) return soonestMs;
    if (isWaiting) return Math.max(soonestMs, this.#askAgainAtMs);
    if (this.#results.length > 0 || this.#held.hasSurplus(this.#demand())) return this.#askedAtMs + retryMs;
    return this.#held.size > 0 ? this.#askedAtMs + keepAliveMs : Infinity;
  }

  async #ask(): Promise<void> {
    const { clock, issuer, signer, ask } = this.#options;
    if (ask === undefined) return;
    this.#isAsking = true;
    this.#askedAtMs = clock.monotonic();
    this.#unansweredSinceMs ??= this.#askedAtMs;
    const demand = this.#demand();
    this.#held.release(demand);
    const { urgent, refreshes } = this.#held.missing(demand);
    const [results, failed, isReturning] = [[...this.#results], this.#failed, this.#isReturning];
    this.#sequence += 1;
    const wanted = {
      urgent: Math.min(urgent, permitLimits.permits),
      refreshes: Math.min(refreshes, permitLimits.permits),
    };
    const request = {
      issuer,
      signer,
      sequence: this.#sequence,
      isReturning,
      ...wanted,
      results,
      ...failed,
    };
    try {
      const answer = await ask({ ...request, held: this.#held.ids() }, this.#stop.signal);
      while (this.#results[0] !== undefined && results.includes(this.#results[0])) this.#results.shift();
      if (this.#failed === failed) this.#failed = undefined;
      if (isReturning) this.#isReturning = false;
      this.#answered(answer, { urgent, refreshes });
    } catch (thrown) {
      this.#failure = asCertfleetError(thrown).message;
    }
    this.#isAsking = false;
    if (this.#stop.signal.aborted) return;
    this.#reviewSoon();
    this.#wake();
  }

  #answered({ permits, askAgainInMs, answerTimeoutMs, limits }: PermitAnswer, { urgent, refreshes }: Demand): void {
    const { clock, log, limits: limitsNow } = this.#options;
    if (this.#local !== undefined) log.info('the lane of the controller is used again');
    this.#local = undefined;
    this.#unansweredSinceMs = undefined;
    this.#remembered = { of: limitsNow(), limits };
    this.#askAgainAtMs = clock.monotonic() + askAgainInMs;
    this.#held.add(permits, answerTimeoutMs);
    const ofUrgent = permits.filter(({ isUrgent }) => isUrgent).length;
    this.#known = {
      urgent: Math.max(0, urgent - ofUrgent),
      refreshes: Math.max(0, refreshes - permits.length + ofUrgent),
    };
  }

  #paceAlone(error: string): void {
    const { clock, log, random } = this.#options;
    log.warn({ error }, 'signing without the lane of the controller, with a lane of this process');
    this.#local = new PacedLane({ clock, limits: () => this.#limits(), ...(random && { random }) });
    this.#isReturning = true;
    this.#held.dropUnused();
    this.#wake();
  }

  /** Those of the last answer, which include the values of the chart, until a LanePolicy changes. */
  #limits(): LaneLimits {
    const limits = this.#options.limits();
    if (this.#remembered?.of !== limits) return limits;
    return { ...limits, policy: { ...limits.policy, ...this.#remembered.limits } };
  }

  #demand(): Demand {
    const demand = { urgent: 0, refreshes: 0 };
    for (const member of this.#members) {
      const { urgent, refreshes } = member.demand();
      demand.urgent += urgent;
      demand.refreshes += refreshes;
    }
    return demand;
  }

  #wakeIn(waitMs: number): void {
    const { clock } = this.#options;
    const atMs = clock.monotonic() + Math.min(waitMs, maxWakeMs);
    if (atMs >= this.#wakeAtMs || this.#stop.signal.aborted) return;
    this.#cancelWake?.();
    this.#wakeAtMs = atMs;
    this.#cancelWake = clock.schedule(atMs - clock.monotonic(), () => this.#wake());
  }

  /** Each time another member comes first. */
  #wake(): void {
    this.#cancelWake?.();
    this.#wakeAtMs = Infinity;
    const members = [...this.#members];
    const [first] = members;
    if (first === undefined) return;
    this.#members.delete(first);
    this.#members.add(first);
    for (const member of members) if (this.#members.has(member)) member.wake();
  }
}

const bounded = (retryAfterMs = 0): number => Math.min(permitLimits.retryAfterMs, Math.ceil(retryAfterMs));

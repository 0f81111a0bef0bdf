import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { Promotion, LaneAdmission } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';

export interface LaneAdvancerParts {
  readonly lanes: Pick<LaneStore, 'queued'>;
  readonly admission: Pick<LaneAdmission, 'advance' | 'returned'>;
  readonly policies: LanePolicies;
  readonly promoteJobs: (promotions: readonly Promotion[]) => Promise<void>;
  /** Recalls dispatched renewals whose answer timeout has expired. */
  readonly recallUnanswered: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The scripts promote renewals that are due within slightly more than this. */
const everyMs = 1_000;

/**
 * Promotes waiting renewals every second: a change of pace or policy, the heartbeat of a node that was silent, and
 * promotions lost with a killed replica cause no event. All replicas do this concurrently; one script decides each promotion.
 */
export class LaneAdvancer {
  readonly #parts: LaneAdvancerParts;
  #cancelTimer: CancelTimer | undefined;
  #running: Promise<void> = Promise.resolve();
  #isStopped = false;
  #lastError = '';

  constructor(parts: LaneAdvancerParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#isStopped) return;
    this.#cancelTimer = this.#parts.clock.schedule(everyMs, () => {
      this.#running = this.#look().then(() => this.start());
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    await this.#running;
  }

  /** Runs once. Rejects while Redis is unavailable. */
  async advance(): Promise<void> {
    const { lanes, admission, policies, promoteJobs, recallUnanswered } = this.#parts;
    for (const issuer of await lanes.queued()) {
      if (this.#isStopped) return;
      await promoteJobs(await admission.advance(policies.laneOf(issuer)));
    }
    await promoteJobs(await admission.returned());
    await recallUnanswered();
  }

  async #look(): Promise<void> {
    try {
      await this.advance();
      this.#lastError = '';
    } catch (thrown) {
      // The connection's owner and the probe report that Redis is unavailable.
      if (isRedisUnavailable(thrown)) return;
      const { message } = asCertfleetError(thrown);
      if (message !== this.#lastError)
        this.#parts.logger.warn({ error: message }, 'cannot promote waiting renewals, retrying');
      this.#lastError = message;
    }
  }
}

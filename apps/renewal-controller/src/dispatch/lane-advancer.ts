import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { Promotion, LaneAdmission } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
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
  readonly #repeated: RepeatedWork;

  constructor(parts: LaneAdvancerParts) {
    this.#parts = parts;
    this.#repeated = new RepeatedWork({
      work: () => this.#advance(),
      pauseMs: everyMs,
      failure: 'cannot promote waiting renewals, retrying',
      isReportedElsewhere: isRedisUnavailable,
      clock: parts.clock,
      log: parts.logger,
    });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  async #advance(): Promise<void> {
    const { lanes, admission, policies, promoteJobs, recallUnanswered } = this.#parts;
    for (const issuer of await lanes.queued()) {
      if (this.#repeated.isStopped) return;
      await promoteJobs(await admission.advance(policies.laneOf(issuer)));
    }
    await promoteJobs(await admission.returned());
    await recallUnanswered();
  }
}

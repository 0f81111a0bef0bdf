import type { Logger } from '@certfleet/shared/logger.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { LaneAdmission, Promotion } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { LanePause } from '../lanes/lane-state.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import type { Recalls } from './recalls.ts';

export interface LanePausesParts {
  readonly lanes: Pick<LaneStore, 'pause' | 'resume'>;
  readonly admission: Pick<LaneAdmission, 'advance'>;
  readonly recalls: Pick<Recalls, 'recall'>;
  readonly policies: LanePolicies;
  readonly promoteJobs: (promotions: readonly Promotion[]) => Promise<void>;
  readonly logger: Logger;
}

/** Puts pauses of lanes into effect in Redis and in the queues of nodes. Every step is idempotent. */
export class LanePauses {
  readonly #parts: LanePausesParts;

  constructor(parts: LanePausesParts) {
    this.#parts = parts;
  }

  /** Stores pauses in Redis, for replicas that do not know them yet. */
  async store(pauses: ReadonlyMap<IssuerName, LanePause>): Promise<void> {
    const { lanes, logger } = this.#parts;
    for (const [issuer, pause] of pauses) {
      await lanes.pause(issuer, pause);
      logger.info({ issuer, ...pause }, 'lane paused');
    }
  }

  /**
   * Returns the renewals of paused lanes from the queues of nodes to their lanes. An agent completes the renewal that it
   * is processing, and agents still renew at their fallback deadlines.
   */
  async recall(issuers: Iterable<IssuerName>): Promise<void> {
    const { recalls, policies } = this.#parts;
    const ids = new Set(Array.from(issuers, (issuer) => policies.laneOf(issuer).id));
    if (ids.size === 0) return;
    await recalls.recall((volumes) =>
      Promise.resolve(new Set(volumes.filter((volume) => ids.has(policies.laneOf(volume.issuer).id)))),
    );
  }

  /** Ends pauses in Redis and promotes the first renewals. */
  async end(issuers: Iterable<IssuerName>): Promise<void> {
    const { lanes, admission, policies, promoteJobs, logger } = this.#parts;
    for (const issuer of issuers) {
      await lanes.resume(issuer);
      await promoteJobs(await admission.advance(policies.laneOf(issuer)));
      logger.info({ issuer }, 'lane resumed');
    }
  }
}

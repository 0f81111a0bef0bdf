import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { Promotion, LaneAdmission } from '../lanes/lane-admission.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import { isConnectionError } from './due-worker.ts';

/** What an advancer works with. */
export interface LaneAdvancerParts {
  readonly lanes: Pick<LaneStore, 'queued'>;
  readonly admission: Pick<LaneAdmission, 'advance'>;
  readonly policies: LanePolicies;
  readonly promoteJobs: (promotions: readonly Promotion[]) => Promise<void>;
  /** Takes back what was handed to nodes and not answered in time. */
  readonly recallUnanswered: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The scripts call what is due within a little more than this. */
const everyMs = 1_000;

/**
 * Looks every second whether renewals that wait in lanes may come: a lane whose pace or policy changed, or whose promotions were
 * lost with a replica, has no event of its own. Replicas do so side by side; each call is decided by one script.
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

  /** Looks once. Rejects while Redis is away. */
  async advance(): Promise<void> {
    const { lanes, admission, policies, promoteJobs, recallUnanswered } = this.#parts;
    for (const issuer of await lanes.queued()) {
      if (this.#isStopped) return;
      await promoteJobs(await admission.advance(policies.laneOf(issuer)));
    }
    await recallUnanswered();
  }

  async #look(): Promise<void> {
    try {
      await this.advance();
      this.#lastError = '';
    } catch (thrown) {
      // Redis being away is told elsewhere, once.
      if (thrown instanceof Error && isConnectionError(thrown)) return;
      const { message } = asCertfleetError(thrown);
      if (message !== this.#lastError) this.#parts.logger.warn({ error: message }, 'lanes not advanced, retrying');
      this.#lastError = message;
    }
  }
}

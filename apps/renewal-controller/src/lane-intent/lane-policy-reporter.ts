import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { FleetStats } from '../fleet-index/view/fleet-stats.ts';
import type { FleetView } from '../fleet-index/view/fleet-view.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import { storeStatus } from '../intent/store-status.ts';
import type { IntentEvents } from '../kube/intent-events.ts';
import type { LaneState } from '../lanes/lane-state.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { takeLease } from '../redis/lease.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { conditionOf } from './lane-rules.ts';
import type { LanePolicyObject } from './lane-rules.ts';
import { lanePolicyStatus } from './lane-policy-status.ts';
import type { LanePolicyStatus } from './lane-policy-status.ts';

export interface LanePolicyReporterParts {
  readonly store: IntentStore;
  readonly lanes: Pick<LaneStore, 'noted' | 'states'>;
  readonly events: IntentEvents;
  readonly view: () => FleetView;
  readonly redis: RedisClient;
  readonly keys: Pick<RedisKeys, 'reporter'>;
  readonly replica: string;
  /** Why a policy does not apply. */
  readonly problemOf: (name: string) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

const everyMs = 10_000;
/** The lease of the reporting replica outlasts two missed rounds. */
const leaseMs = 30_000;
/** Status writes of one round; the others follow in the next rounds. */
const maxWrites = 20;

/**
 * Writes the status of LanePolicies, and Events for its conditions. One replica does so, at a bounded rate, and only what
 * has changed.
 */
export class LanePolicyReporter {
  readonly #parts: LanePolicyReporterParts;
  readonly #repeated: RepeatedWork;
  /** The policy after which the next round begins. */
  #after = '';

  constructor(parts: LanePolicyReporterParts) {
    this.#parts = parts;
    this.#repeated = new RepeatedWork({
      work: () => this.#report(),
      pauseMs: everyMs,
      failure: 'cannot write the status of lane policies, retrying',
      isReportedElsewhere: isRedisUnavailable,
      clock: parts.clock,
      log: parts.log,
    });
  }

  start(): void {
    this.#repeated.start();
  }

  async stop(): Promise<void> {
    await this.#repeated.stop();
  }

  /** Runs one round; never rejects. */
  async report(): Promise<void> {
    await this.#repeated.run();
  }

  async #report(): Promise<void> {
    const { store } = this.#parts;
    const policies = store.list('LanePolicy');
    if (policies.length === 0 || store.problem('LanePolicy') !== undefined || !(await this.#hasLease())) return;
    await this.#reportAll(policies);
  }

  #hasLease(): Promise<boolean> {
    const { redis, keys, replica } = this.#parts;
    return takeLease(redis, keys.reporter, { replica, leaseMs });
  }

  async #reportAll(policies: readonly LanePolicyObject[]): Promise<void> {
    const { view, clock, problemOf } = this.#parts;
    const nowMs = clock.now();
    const stats = view().stats(nowMs);
    const lanes = await this.#lanes(stats);
    const from = policies.findIndex(({ metadata }) => metadata.name > this.#after);
    const ordered = from === -1 ? policies : [...policies.slice(from), ...policies.slice(0, from)];
    let writes = 0;
    for (const object of ordered) {
      if (writes >= maxWrites || this.#repeated.isStopped) return;
      this.#after = object.metadata.name;
      const status = lanePolicyStatus(object, { lanes, stats, problem: problemOf(object.metadata.name), nowMs });
      if (isDeepStrictEqual(status, object.status)) continue;
      writes += 1;
      const stored = await storeStatus(this.#parts.store, 'LanePolicy', object, status);
      if (stored !== undefined) this.#recordTransitions(object, status);
    }
  }

  async #lanes(stats: FleetStats): Promise<ReadonlyMap<string, LaneState>> {
    const { lanes } = this.#parts;
    const issuers = new Map<string, IssuerName>();
    for (const { key, issuer } of stats.issuers.values()) issuers.set(key, issuer);
    for (const issuer of await lanes.noted()) issuers.set(issuerKey(issuer), issuer);
    const states = await lanes.states([...issuers.values()]);
    return new Map(states.map((state) => [issuerKey(state.issuer), state]));
  }

  #recordTransitions(object: LanePolicyObject, status: LanePolicyStatus): void {
    const { events } = this.#parts;
    for (const { type, status: now, message } of status.conditions ?? []) {
      const before = conditionOf(object, type)?.status;
      // A new policy is neither resumed nor worth an event because it applies.
      const isInitial = before === undefined && (now === 'False') === (type === 'Paused');
      const reason = transitions[`${type}=${now}`];
      if (before === now || isInitial) continue;
      if (reason !== undefined)
        events.record(object, { type: reason === 'Invalid' ? 'Warning' : 'Normal', reason, message });
    }
  }
}

const transitions: Readonly<Record<string, string>> = {
  'Ready=True': 'Applied',
  'Ready=False': 'Invalid',
  'Paused=True': 'Paused',
  'Paused=False': 'Resumed',
};

import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@certfleet/shared/clock.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { LanePauses } from '../dispatch/lane-pauses.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { LanePause } from '../lanes/lane-state.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import { RepeatedWork } from '@certfleet/shared/repeated-work.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { precedenceOf } from '@certfleet/fleet-model/lanes/lane-rules.ts';
import { laneRules } from './lane-rules.ts';

export interface LanePolicyFollowerParts {
  readonly store: IntentStore;
  readonly policies: LanePolicies;
  readonly lanes: Pick<LaneStore, 'noted' | 'storedPauses'>;
  readonly pauses: LanePauses;
  /** The issuers of the volumes. */
  readonly issuers: () => Iterable<IssuerName>;
  readonly clock: Clock;
  readonly log: Logger;
}

const everyMs = 10_000;
/** Names in one log line. */
const maxNamed = 20;

/**
 * Applies LanePolicies to the lanes of this replica. The rules apply with the next decision of a lane. Redis gets the
 * pauses too, for replicas that do not know them yet; a Redis that lost them changes nothing, because every decision also
 * has the pause of its replica as an argument.
 */
export class LanePolicyFollower {
  readonly #parts: LanePolicyFollowerParts;
  readonly #problems = new Map<string, string>();
  /** Paused lanes whose dispatched renewals this replica has recalled, by issuer key. */
  readonly #recalled = new Set<string>();
  readonly #ends: (() => void)[] = [];
  readonly #repeated: RepeatedWork;
  #isRefreshPlanned = false;
  #isLoaded = false;

  constructor(parts: LanePolicyFollowerParts) {
    this.#parts = parts;
    // The pauses hold without Redis.
    this.#repeated = new RepeatedWork({
      work: () => this.#apply(),
      pauseMs: everyMs,
      failure: 'cannot store the pauses of lanes, retrying',
      isReportedElsewhere: isRedisUnavailable,
      clock: parts.clock,
      log: parts.log,
    });
  }

  /** Resolves when the pauses are known and hold; rejects when the store is stopped before. */
  async start(): Promise<void> {
    const { store, log } = this.#parts;
    this.#ends.push(
      store.onChange('LanePolicy', ({ previous, current }) => {
        this.#logChange(previous, current);
        // Most changes are about the status.
        const [before, after] = [previous, current].map((object) => (object === undefined ? [] : [object]));
        const isSameRule = isDeepStrictEqual(laneRules(before ?? []), laneRules(after ?? []));
        const isSameRank = previous && current && precedenceOf(previous) === precedenceOf(current);
        if (!isSameRule || isSameRank !== true) this.#planRefresh();
      }),
    );
    await store.loaded('LanePolicy');
    this.#isLoaded = true;
    this.refresh();
    const all = store.list('LanePolicy');
    const paused = all.flatMap(({ metadata, spec }) => (spec.paused === true ? metadata.name : [])).slice(0, maxNamed);
    log.info({ lanePolicies: all.length, paused }, 'lane policies are known');
    this.#repeated.start();
    void this.apply();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends) end();
    await this.#repeated.stop();
  }

  /** Why a policy does not apply; undefined if it does. */
  problemOf(name: string): string | undefined {
    return this.#problems.get(name);
  }

  /** Makes the stored policies those of the lanes. An invalid policy does not apply, except for its pause. */
  refresh(): void {
    const { store, policies, log } = this.#parts;
    const problems = new Map<string, string>();
    const rules = laneRules(store.list('LanePolicy')).map(({ rule, problem }) => {
      if (problem === undefined) return rule;
      problems.set(rule.name, problem);
      if (this.#problems.get(rule.name) !== problem)
        log.error({ lanePolicy: rule.name, problem }, 'lane policy is invalid and does not apply');
      return rule;
    });
    this.#problems.clear();
    for (const [name, problem] of problems) this.#problems.set(name, problem);
    policies.setRules(rules);
  }

  /** Puts the pauses into effect in Redis and the queues of nodes; never rejects, and repeats what failed. */
  async apply(): Promise<void> {
    await this.#repeated.run();
  }

  /** Redis lost writes: pauses, and perhaps recalls of renewals, which then are in the queues of nodes again. */
  redisLostState(): void {
    this.#recalled.clear();
    void this.apply();
  }

  /** One refresh for all changes of a list or of one turn. */
  #planRefresh(): void {
    if (this.#isRefreshPlanned) return;
    this.#isRefreshPlanned = true;
    queueMicrotask(() => {
      this.#isRefreshPlanned = false;
      if (this.#repeated.isStopped) return;
      this.refresh();
      void this.apply();
    });
  }

  async #apply(): Promise<void> {
    const { store, lanes } = this.#parts;
    const noted = await lanes.noted();
    // What this replica knows may be outdated: it must neither end a pause in Redis nor store one.
    if (store.problem('LanePolicy') === undefined) await this.#reconcile(noted);
    await this.#recall(noted);
  }

  /** Makes the pauses in Redis those of the policies. */
  async #reconcile(noted: readonly IssuerName[]): Promise<void> {
    const { policies, lanes, pauses } = this.#parts;
    const stored = await lanes.storedPauses(noted);
    const storedByKey = new Map(Array.from(stored, ([issuer, pause]) => [issuerKey(issuer), pause]));
    const toStore = new Map<IssuerName, LanePause>();
    for (const issuer of this.#paused(noted).values()) {
      const { pause } = policies.laneOf(issuer);
      if (pause !== undefined && !isSame(pause, storedByKey.get(issuerKey(issuer)))) toStore.set(issuer, pause);
    }
    await pauses.store(toStore);
    await pauses.end([...stored.keys()].filter((issuer) => policies.laneOf(issuer).pause === undefined));
  }

  /** The paused issuers of these and of the volumes, by key. */
  #paused(noted: readonly IssuerName[]): ReadonlyMap<string, IssuerName> {
    const { store, policies, issuers } = this.#parts;
    const paused = new Map<string, IssuerName>();
    if (!store.list('LanePolicy').some(({ spec }) => spec.paused === true)) return paused;
    for (const issuer of [...issuers(), ...noted])
      if (policies.laneOf(issuer).pause !== undefined) paused.set(issuerKey(issuer), issuer);
    return paused;
  }

  /** Recalls the renewals of lanes whose pause this replica has just learned: it may have dispatched them. */
  async #recall(noted: readonly IssuerName[]): Promise<void> {
    const paused = this.#paused(noted);
    await this.#parts.pauses.recall([...paused].flatMap(([key, issuer]) => (this.#recalled.has(key) ? [] : issuer)));
    this.#recalled.clear();
    for (const key of paused.keys()) this.#recalled.add(key);
  }

  #logChange(previous: LanePolicyVersion | undefined, current: LanePolicyVersion | undefined): void {
    const shown = current ?? previous;
    // The first load is one line.
    if (shown === undefined || !this.#isLoaded || isSameSpec(previous, current)) return;
    const { name, generation } = shown.metadata;
    const change = current === undefined ? 'deleted' : previous === undefined ? 'created' : 'changed';
    this.#parts.log.info({ lanePolicy: name, generation, spec: shown.spec, change }, 'lane policy');
  }
}

interface LanePolicyVersion {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly spec: object;
}

function isSame(one: LanePause, other: LanePause | undefined): boolean {
  return one.by === other?.by && one.reason === other.reason && one.atMs === other.atMs && one.policy === other.policy;
}

function isSameSpec(one: LanePolicyVersion | undefined, other: LanePolicyVersion | undefined): boolean {
  return one?.metadata.uid === other?.metadata.uid && one?.metadata.generation === other?.metadata.generation;
}

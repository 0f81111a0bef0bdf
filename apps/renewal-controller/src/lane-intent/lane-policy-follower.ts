import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { LanePauses } from '../dispatch/lane-pauses.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { IntentStore } from '../intent/intent-store.ts';
import type { LanePolicies } from '../lanes/lane-policies.ts';
import type { LanePause } from '../lanes/lane-state.ts';
import type { LaneStore } from '../lanes/lane-store.ts';
import { isRedisUnavailable } from '../redis/redis-unavailable.ts';
import { laneRules } from './lane-rules.ts';

export interface LanePolicyFollowerParts {
  readonly store: IntentStore;
  readonly policies: LanePolicies;
  readonly lanes: Pick<LaneStore, 'noted' | 'storedPauses'>;
  readonly pauses: LanePauses;
  /** The issuers of the volumes. */
  readonly issuers: () => Iterable<IssuerName>;
  /** Writes a LanePolicy for a pause that an earlier release stored in Redis only. */
  readonly adopt: (issuer: IssuerName, pause: LanePause) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const everyMs = 10_000;

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
  #applying: Promise<void> = Promise.resolve();
  #isRefreshPlanned = false;
  #cancelTimer: CancelTimer | undefined;
  #isStopped = false;
  #lastError = '';

  constructor(parts: LanePolicyFollowerParts) {
    this.#parts = parts;
  }

  /** Resolves when the pauses are known and hold; rejects when the store is stopped before. */
  async start(): Promise<void> {
    const { store } = this.#parts;
    this.#ends.push(
      store.onChange('LanePolicy', ({ previous, current }) => {
        this.#logChange(previous, current);
        this.#planRefresh();
      }),
    );
    await store.loaded('LanePolicy');
    this.refresh();
    this.#arm();
    void this.apply();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer?.();
    for (const end of this.#ends) end();
    await this.#applying;
  }

  /** Why a policy does not apply; undefined if it does. */
  problemOf(name: string): string | undefined {
    return this.#problems.get(name);
  }

  /** Makes the stored policies those of the lanes. An invalid policy does not apply, except for its pause. */
  refresh(): void {
    const { store, policies, log } = this.#parts;
    const problems = new Map<string, string>();
    const rules = laneRules(store.list('LanePolicy')).map((rule) => {
      const problem = policies.problemOf(rule);
      if (problem === undefined) return rule;
      problems.set(rule.name, problem);
      if (this.#problems.get(rule.name) !== problem)
        log.error({ lanePolicy: rule.name, problem }, 'lane policy is invalid and does not apply');
      return { ...rule, policy: {} };
    });
    this.#problems.clear();
    for (const [name, problem] of problems) this.#problems.set(name, problem);
    policies.setRules(rules);
  }

  /** Puts the pauses into effect in Redis and the queues of nodes; never rejects, and repeats what failed. */
  async apply(): Promise<void> {
    this.#applying = this.#applying.then(() => this.#applyOnce());
    await this.#applying;
  }

  /** One refresh for all changes of a list or of one turn. */
  #planRefresh(): void {
    if (this.#isRefreshPlanned) return;
    this.#isRefreshPlanned = true;
    queueMicrotask(() => {
      this.#isRefreshPlanned = false;
      if (this.#isStopped) return;
      this.refresh();
      void this.apply();
    });
  }

  #arm(): void {
    this.#cancelTimer = this.#parts.clock.schedule(everyMs, () => {
      void this.apply().then(() => {
        if (!this.#isStopped) this.#arm();
      });
    });
  }

  async #applyOnce(): Promise<void> {
    const { store, log } = this.#parts;
    // What this replica knows may be outdated: it must neither end a pause nor store one.
    if (this.#isStopped || store.problem('LanePolicy') !== undefined) return;
    try {
      await this.#reconcile();
      this.#lastError = '';
    } catch (thrown) {
      // The connection's owner and the probe report that Redis is unavailable. The pauses hold without it.
      if (isRedisUnavailable(thrown)) return;
      const { message } = asCertfleetError(thrown);
      if (message !== this.#lastError) log.warn({ error: message }, 'cannot store the pauses of lanes, retrying');
      this.#lastError = message;
    }
  }

  async #reconcile(): Promise<void> {
    const { policies, lanes, pauses, adopt } = this.#parts;
    const noted = await lanes.noted();
    const byKey = new Map<string, IssuerName>();
    for (const issuer of [...this.#parts.issuers(), ...noted]) byKey.set(issuerKey(issuer), issuer);
    const stored = await lanes.storedPauses(noted);
    const storedByKey = new Map(Array.from(stored, ([issuer, pause]) => [issuerKey(issuer), pause]));
    const [toStore, toEnd] = [new Map<IssuerName, LanePause>(), [] as IssuerName[]];
    for (const [key, issuer] of byKey) {
      const { pause } = policies.laneOf(issuer);
      const known = storedByKey.get(key);
      if (pause !== undefined && !isSame(pause, known)) toStore.set(issuer, pause);
      if (pause !== undefined || known === undefined) continue;
      if (known.policy === undefined) await adopt(issuer, known);
      else toEnd.push(issuer);
    }
    await pauses.store(toStore);
    await this.#recall(byKey);
    await pauses.end(toEnd.filter((issuer) => policies.laneOf(issuer).pause === undefined));
  }

  async #recall(byKey: ReadonlyMap<string, IssuerName>): Promise<void> {
    const { policies, pauses } = this.#parts;
    const paused = [...byKey].filter(([, issuer]) => policies.laneOf(issuer).pause !== undefined);
    const fresh = paused.filter(([key]) => !this.#recalled.has(key));
    await pauses.recall(fresh.map(([, issuer]) => issuer));
    this.#recalled.clear();
    for (const [key] of paused) this.#recalled.add(key);
  }

  #logChange(previous: LanePolicyVersion | undefined, current: LanePolicyVersion | undefined): void {
    const shown = current ?? previous;
    if (shown === undefined || isSameSpec(previous, current)) return;
    const { name, generation } = shown.metadata;
    const change = current === undefined ? 'deleted' : previous === undefined ? 'found' : 'changed';
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

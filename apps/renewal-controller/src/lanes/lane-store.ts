import { issuerKey } from '../fleet-index/volume-state.ts';
import type { IssuerName } from '../fleet-index/volume-state.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { laneKeys } from './lane-admission.ts';
import { readLaneDepths } from './lane-depths.ts';
import type { LaneDepth } from './lane-depths.ts';
import type { Lane, LanePolicies } from './lane-policies.ts';
import type { LanePolicy } from './lane-policy.ts';
import { unparkScript } from './lane-scripts.ts';

/** Who stopped a lane, and why. */
export interface LanePause {
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
}

/** A lane as it stands. */
export interface LaneState {
  readonly id: string;
  readonly issuer: IssuerName;
  readonly policy: LanePolicy;
  readonly paused: LanePause | undefined;
  /** Renewals started and not answered. */
  readonly inFlight: number;
  /** Renewals with a slot in the line. */
  readonly queued: number;
  /** Renewals that wait for a place in flight or for the end of a pause. */
  readonly parked: number;
  /** When the last in the line has its turn; undefined without a line. */
  readonly lineEndsAtMs: number | undefined;
  /** Until when the lane rests after failures; undefined when it does not. */
  readonly backoffUntilMs: number | undefined;
  /** Failures in a row. */
  readonly failureStreak: number;
  /** The part of the lane's pace that is in force, from 1/64 to 1. */
  readonly pace: number;
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined;
}

const wakeAtOnce = 500;

/** Lists, pauses and resumes lanes. */
export class LaneStore {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #policies: LanePolicies;
  readonly #noted = new Set<string>();

  constructor(redis: RedisClient, keys: RedisKeys, policies: LanePolicies) {
    this.#redis = redis;
    this.#keys = keys;
    this.#policies = policies;
  }

  /** Makes a lane known to `list`; does nothing when this process did so already. */
  async note(lane: Lane): Promise<void> {
    if (this.#noted.has(lane.id)) return;
    await this.#redis.hset(this.#keys.lanes, lane.id, JSON.stringify(lane.issuer));
    this.#noted.add(lane.id);
  }

  /** Forgets what this process noted: Redis may have lost it. */
  forgetNoted(): void {
    this.#noted.clear();
  }

  async list(): Promise<readonly LaneState[]> {
    const issuers = await this.#redis.hgetall(this.#keys.lanes);
    return await Promise.all(Object.values(issuers).map((json) => this.state(JSON.parse(json) as IssuerName)));
  }

  async state(issuer: IssuerName): Promise<LaneState> {
    const lane = this.#policies.laneOf(issuer);
    const [key, inflight, slots, parked] = laneKeys(this.#keys, lane.id);
    const [fields, inFlight, queued, waiting, last] = await Promise.all([
      this.#redis.hgetall(key),
      this.#redis.zcard(inflight),
      this.#redis.zcard(slots),
      this.#redis.zcard(parked),
      this.#redis.zrange(slots, '-1', '-1', 'WITHSCORES'),
    ]);
    const until = Number(fields['until'] ?? 0);
    const paused = fields['paused'];
    return {
      id: lane.id,
      issuer,
      policy: lane.policy,
      paused: paused === undefined ? undefined : (JSON.parse(paused) as LanePause),
      inFlight,
      queued,
      parked: waiting,
      lineEndsAtMs: last[1] === undefined ? undefined : Number(last[1]),
      backoffUntilMs: until === 0 ? undefined : until,
      failureStreak: Number(fields['streak'] ?? 0),
      pace: 2 ** -Number(fields['throttle'] ?? 0),
      lastError: fields['error'] ? { atMs: Number(fields['errorAt']), message: fields['error'] } : undefined,
    };
  }

  /** How deep every lane is, for metrics: cheaper than `list` by far. */
  async depths(nowMs: number): Promise<readonly LaneDepth[]> {
    return await readLaneDepths(this.#redis, this.#keys, (issuer) => {
      return this.#policies.laneOf(issuer).windows.opensInMs(nowMs) > 0;
    });
  }

  /** Holds every renewal of an issuer, urgent ones too, until `resume`. */
  async pause(issuer: IssuerName, pause: LanePause): Promise<void> {
    const lane = this.#policies.laneOf(issuer);
    await this.note(lane);
    await this.#redis.hset(laneKeys(this.#keys, lane.id)[0], 'paused', JSON.stringify(pause));
  }

  /** Ends a pause; `wake` is given the renewals that it held, some hundreds at a time. */
  async resume(issuer: IssuerName, wake: (ids: readonly string[]) => Promise<void>): Promise<void> {
    const keys = laneKeys(this.#keys, this.#policies.laneOf(issuer).id);
    await this.#redis.hdel(keys[0], 'paused');
    for (;;) {
      const ids = (await unparkScript.run(this.#redis, keys, [wakeAtOnce])) as string[];
      if (ids.length === 0) return;
      await wake(ids);
    }
  }

  /** Removes the lanes of issuers that no volume names any more; a paused one stays. */
  async prune(usedIssuerKeys: ReadonlySet<string>): Promise<void> {
    for (const { id, issuer, paused, inFlight } of await this.list()) {
      if (usedIssuerKeys.has(issuerKey(issuer)) || paused !== undefined || inFlight > 0) continue;
      await Promise.all(laneKeys(this.#keys, id).map((key) => this.#redis.del(key)));
      await this.#redis.hdel(this.#keys.lanes, id);
      this.#noted.delete(id);
    }
  }
}

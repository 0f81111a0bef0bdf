import type { HoldReason } from '../fleet-index/renewal-progress.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { demandMarks } from './demand-marks.ts';
import type { Lane } from './lane-policies.ts';
import { admitScript, settleScript } from './lane-scripts.ts';

/** What a lane says of a renewal. */
export type Admission = (
  | { readonly admitted: true; readonly again: boolean }
  | { readonly admitted: false; readonly waitMs: number; readonly reason: HoldReason }
) & {
  /** It would expire before its turn, and goes before the line. */
  readonly urgent: boolean;
  /** The bulk renewals that want it, by their marks. */
  readonly demandedBy: readonly string[];
};

/** A renewal at its lane's door. */
export interface LaneRequest {
  /** Names the volume at its generation and attempt. */
  readonly id: string;
  /** Names the volume at its generation, as those who ask for renewals do: some of them do not wait for windows. */
  readonly renewal: string;
  /** The volume alone, as `volumePlace` names it. */
  readonly volume: string;
  /** A start after this comes too late. */
  readonly latestStartMs: number;
  readonly notAfterMs: number;
}

/** How a renewal ended: answered well, answered with a failure, or no longer wanted. */
export type Outcome = 'ok' | 'failed' | 'gone';

/** A renewal that ended. */
export interface Settlement {
  readonly id: string;
  /** As in its request. */
  readonly renewal: string;
  readonly outcome: Outcome;
  /** The volume alone, as `volumePlace` names it: failures of one alone are not the issuer's. */
  readonly volume: string;
  readonly error?: string;
}

/** What the end of a renewal means for its lane. */
export interface Settled {
  readonly wasStarted: boolean;
  /** The bulk renewals that want it, by their marks. */
  readonly demandedBy: readonly string[];
  /** Those whose turn it is now. */
  readonly woken: readonly string[];
}

/** Time as lanes see it: the Redis server's, so that replicas agree; a test gives its own. */
export interface LaneTime {
  /** Milliseconds since the epoch; undefined for the server's time. */
  readonly nowMs: () => number | undefined;
  /** From 0 to 1; spreads the ends of back-offs. */
  readonly random: () => number;
}

/** The longest delay that is worth a job's while; windows that open later are looked for again. */
const longestWaitMs = 30 * 86_400_000;

/** Decides which renewals may start. All state lies in Redis; each decision is one script, so replicas cannot disagree. */
export class LaneAdmission {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #time: LaneTime;

  constructor(redis: RedisClient, keys: RedisKeys, time: LaneTime = { nowMs: () => undefined, random: Math.random }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#time = time;
  }

  /** Asks for a place. Asked twice, an admitted renewal is admitted again and counted once. */
  async admit(lane: Lane, request: LaneRequest): Promise<Admission> {
    const { policy, windows } = lane;
    const nowMs = this.#time.nowMs();
    const answer = (await admitScript.run(this.#redis, this.#keysOf(lane), [
      request.id,
      nowMs ?? '',
      policy.ratePerSecond === 0 ? 0 : 1000 / policy.ratePerSecond,
      policy.burst,
      policy.maxInFlight,
      policy.answerTimeoutMs,
      Math.min(longestWaitMs, windows.opensInMs(nowMs ?? Date.now())),
      request.latestStartMs,
      request.notAfterMs,
      policy.backoff.threshold,
      request.volume,
      request.renewal,
    ])) as [number, number, HoldReason, number, string];
    const [verdict, waitMs, reason] = answer;
    const common = { urgent: answer[3] === 1, demandedBy: demandMarks(answer[4]) };
    if (verdict === 0) return { admitted: false, waitMs: Math.ceil(waitMs), reason, ...common };
    return { admitted: true, again: verdict === 2, ...common };
  }

  /** Gives a place back and lets the outcome set the lane's pace; answers whether it was started, and whose turn it is now. */
  async settle(lane: Lane, { id, renewal, outcome, volume, error = '' }: Settlement): Promise<Settled> {
    const { maxInFlight, backoff } = lane.policy;
    const [wasStarted, demand, ...woken] = (await settleScript.run(this.#redis, this.#keysOf(lane), [
      id,
      this.#time.nowMs() ?? '',
      outcome,
      maxInFlight,
      backoff.threshold,
      backoff.initialMs,
      backoff.maxMs,
      this.#time.random(),
      volume,
      error.slice(0, 512),
      renewal,
    ])) as [number, string, ...string[]];
    return { wasStarted: wasStarted === 1, demandedBy: demandMarks(demand), woken };
  }

  #keysOf({ id }: Lane): readonly string[] {
    return [...laneKeys(this.#keys, id), this.#keys.started, this.#keys.holds, this.#keys.demands];
  }
}

/** The four keys of a lane alone, in the order that its scripts take them. */
export function laneKeys(keys: RedisKeys, lane: string): readonly [string, string, string, string] {
  const key = keys.lane(lane);
  return [key, `${key}:inflight`, `${key}:slots`, `${key}:parked`];
}

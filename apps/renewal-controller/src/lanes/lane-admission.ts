import type { WaitReason } from '../fleet-index/renewal-progress.ts';
import { parseVolumeKey } from '../fleet-index/volume-key.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { requestMarks } from './request-marks.ts';
import type { Lane } from './lane-policies.ts';
import { admitScript, advanceScript, settleScript } from './lane-scripts.ts';

/** What a lane says of a renewal. `isEarly`: nobody wants it before the wait is over, and it waits in no lane. */
export type Admission = (
  | { readonly admitted: true; readonly again: boolean }
  | { readonly admitted: false; readonly waitMs: number; readonly isEarly: true }
  | { readonly admitted: false; readonly waitMs: number; readonly isEarly: false; readonly reason: WaitReason }
) & {
  /** It would expire before its turn, and goes before the line. */
  readonly urgent: boolean;
  /** The bulk renewals that want it, by their marks. */
  readonly requestedBy: readonly string[];
};

/** A renewal at its lane's door. */
export interface LaneRequest {
  /** Names the volume at its generation and attempt. */
  readonly id: string;
  /** Names the volume at its generation, as those who ask for renewals do: some of them do not wait for windows. */
  readonly renewal: string;
  /** The volume alone, as `volumeKey` names it. */
  readonly volume: string;
  /** A start after this comes too late. */
  readonly latestStartMs: number;
  readonly notAfterMs: number;
  /** Before this time it starts only for somebody who requested it; not given for one that is due in any case. */
  readonly dueAtMs?: number;
}

/** A waiting renewal that may come, and in how many milliseconds. */
export interface Promotion {
  readonly id: string;
  readonly inMs: number;
}

/** How a renewal ended: answered well, answered with a failure, refused by its agent for a while, or no longer wanted. */
export type Outcome = 'ok' | 'failed' | 'deferred' | 'gone';

/** A renewal that ended. */
export interface Settlement {
  readonly id: string;
  /** As in its request. */
  readonly renewal: string;
  readonly outcome: Outcome;
  /** The volume alone, as `volumeKey` names it: failures of one alone are not the issuer's. */
  readonly volume: string;
  readonly error?: string;
  /** For how many milliseconds no automatic renewal of the volume starts after this one; 0 unless given. */
  readonly restMs?: number;
  /** The batch of the node's outbox that waits the change: the same outcome settled again for it is not counted again. */
  readonly batch?: string;
}

/** What the end of a renewal means for its lane. */
export interface Settled {
  readonly wasStarted: boolean;
  /** The bulk renewals that want it, by their marks. */
  readonly requestedBy: readonly string[];
  /** Those that may come now or soon, whatever they were told before. */
  readonly promotions: readonly Promotion[];
  /** The ids of `promotions`. */
  readonly promotedIds: readonly string[];
  /** The outcome had been counted before, by an earlier call for the same batch. */
  readonly isRepeated?: true;
}

/** Time as lanes see it: the Redis server's, so that replicas agree; a test gives its own. */
export interface LaneTime {
  /** Milliseconds since the epoch; undefined for the server's time. */
  readonly nowMs: () => number | undefined;
  /** From 0 to 1; spreads the ends of back-offs. */
  readonly random: () => number;
}

/** The longest delay that is worth a job's while; windows that open later are looked for again. */
const maxWaitMs = 30 * 86_400_000;

/** Decides which renewals may start. All state lies in Redis; each decision is one script, so replicas cannot disagree. */
export class LaneAdmission {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #time: LaneTime;
  readonly #silentAfterMs: number;

  /** @param silentAfterMs after which time without a word of its agent a node gets no renewals; 0 for never */
  constructor(redis: RedisClient, keys: RedisKeys, time: LaneTime = serverTime, silentAfterMs = 0) {
    this.#redis = redis;
    this.#keys = keys;
    this.#time = time;
    this.#silentAfterMs = silentAfterMs;
  }

  /** Asks for a slot in flight. Asked twice, an admitted renewal is admitted again and counted once. */
  async admit(lane: Lane, request: LaneRequest): Promise<Admission> {
    const { policy } = lane;
    const nowMs = this.#time.nowMs();
    const answer = (await admitScript.run(this.#redis, this.#keysOf(lane), [
      request.id,
      nowMs ?? '',
      startIntervalMs(lane),
      policy.burst,
      policy.maxInFlight,
      policy.answerTimeoutMs,
      this.#opensInMs(lane),
      request.latestStartMs,
      request.notAfterMs,
      policy.backoff.threshold,
      request.volume,
      request.renewal,
      lane.id,
      request.dueAtMs ?? 0,
      this.#silentAfterMs,
    ])) as [number, number, WaitReason, number, string];
    const [verdict, waitMs, reason] = answer;
    const common = { urgent: answer[3] === 1, requestedBy: requestMarks(answer[4]) };
    if (verdict === -1) return { admitted: false, isEarly: true, waitMs, ...common };
    if (verdict === 0) return { admitted: false, isEarly: false, waitMs: Math.ceil(waitMs), reason, ...common };
    return { admitted: true, again: verdict === 2, ...common };
  }

  /** Gives a slot back and lets the outcome set the lane's pace; answers whether it was started, and who may come now. */
  async settle(lane: Lane, settlement: Settlement): Promise<Settled> {
    const { id, renewal, outcome, volume, error = '', restMs = 0, batch = '' } = settlement;
    const { maxInFlight, burst, backoff } = lane.policy;
    const { node, volumeId } = parseVolumeKey(volume);
    const keys = [...this.#keysOf(lane), this.#keys.outbox(node)];
    const [code, demand, ...called] = (await settleScript.run(this.#redis, keys, [
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
      startIntervalMs(lane),
      burst,
      this.#opensInMs(lane),
      restMs,
      batch,
      volumeId,
    ])) as [number, string, ...(string | number)[]];
    const promotions = callsOf(called);
    return {
      wasStarted: code % 2 === 1,
      requestedBy: requestMarks(demand),
      promotions,
      promotedIds: promotions.map((call) => call.id),
      ...(code >= 2 && { isRepeated: true }),
    };
  }

  /** Those that wait in a lane and may come now or soon: pace or policy changed, or whoever called them was killed. */
  async advance(lane: Lane): Promise<readonly Promotion[]> {
    const { burst, maxInFlight, backoff } = lane.policy;
    const args = [lane.id, this.#time.nowMs() ?? '', startIntervalMs(lane), burst, maxInFlight, backoff.threshold];
    const keys = laneScriptKeys(this.#keys, lane.id);
    return callsOf(
      (await advanceScript.run(this.#redis, keys, [...args, this.#opensInMs(lane)])) as (string | number)[],
    );
  }

  #opensInMs({ windows }: Lane): number {
    return Math.min(maxWaitMs, windows.opensInMs(this.#time.nowMs() ?? Date.now()));
  }

  #keysOf({ id }: Lane): readonly string[] {
    const { started, waits, requestedBy, cooldown, cancelled, seen } = this.#keys;
    return [...laneScriptKeys(this.#keys, id), started, waits, requestedBy, cooldown, cancelled, seen];
  }
}

const serverTime: LaneTime = { nowMs: () => undefined, random: Math.random };

function startIntervalMs({ policy }: Lane): number {
  return policy.ratePerSecond === 0 ? 0 : 1000 / policy.ratePerSecond;
}

function callsOf(called: readonly (string | number)[]): readonly Promotion[] {
  const promotions: Promotion[] = [];
  for (let i = 0; i + 1 < called.length; i += 2)
    promotions.push({ id: String(called[i]), inMs: Math.max(0, Number(called[i + 1])) });
  return promotions;
}

function laneScriptKeys(keys: RedisKeys, lane: string): readonly string[] {
  return [...laneKeys(keys, lane), `${keys.lane(lane)}:waiting`, keys.queuedLanes];
}

/** The four keys of a lane alone, in the order that its scripts take them. */
export function laneKeys(keys: RedisKeys, lane: string): readonly [string, string, string, string] {
  const key = keys.lane(lane);
  return [key, `${key}:inflight`, `${key}:slots`, `${key}:blocked`];
}

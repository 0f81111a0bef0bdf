import type { WaitReason } from '@certfleet/fleet-model/vocabulary.ts';
import { parseVolumeKey } from '../fleet-index/model/volume-key.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { requestMarks } from './request-marks.ts';
import type { Lane } from './lane-policies.ts';
import type { renewalScriptKeys } from './lane-script-common.ts';
import { admitScript, advanceScript } from './lane-scripts.ts';
import { returnedNodesScript } from './lane-state-scripts.ts';
import { settleScript } from './settle-script.ts';

/** The decision of a lane. `isEarly`: the renewal is not due and not requested, and does not wait in the lane. */
export type Admission = (
  | { readonly admitted: true; readonly again: boolean }
  | { readonly admitted: false; readonly waitMs: number; readonly isEarly: true }
  | { readonly admitted: false; readonly waitMs: number; readonly isEarly: false; readonly reason: WaitReason }
) & {
  /** It would expire before its turn and goes to the front of the queue. */
  readonly urgent: boolean;
  /** The marks of the bulk renewals that request it. */
  readonly requestedBy: readonly string[];
};

/** A request to start a renewal. */
export interface LaneRequest {
  /** Identifies the volume at its generation and attempt. */
  readonly id: string;
  /** Identifies the volume at its generation, as bulk renewals do. */
  readonly renewal: string;
  /** The volume, as `volumeKey` formats it. */
  readonly volume: string;
  /** A later start is not safe. */
  readonly latestStartMs: number;
  readonly notAfterMs: number;
  /** Before this time only a requested renewal starts; absent if it is due in any case. */
  readonly dueAtMs?: number;
}

/** A waiting renewal that may start, and in how many milliseconds. */
export interface Promotion {
  readonly id: string;
  readonly inMs: number;
}

/**
 * How a renewal ended: success, failure, refused by its agent for a while, or no longer wanted. A withdrawn one is no
 * longer wanted either, and stays if it was started.
 */
export type Outcome = 'ok' | 'failed' | 'deferred' | 'gone' | 'withdrawn';

export interface Settlement {
  readonly id: string;
  /** As in the LaneRequest. */
  readonly renewal: string;
  readonly outcome: Outcome;
  /** The volume, as `volumeKey` formats it; repeated failures of one volume do not count against the issuer. */
  readonly volume: string;
  readonly error?: string;
  /** For how many milliseconds no automatic renewal of the volume starts after this one; default 0. */
  readonly cooldownMs?: number;
  /** The batch of the node's outbox with this change; an outcome is counted once per batch. */
  readonly batch?: string;
}

/** The effect of a settlement. */
export interface Settled {
  readonly wasStarted: boolean;
  /** The marks of the bulk renewals that request it. */
  readonly requestedBy: readonly string[];
  /** The same with cancelled ones, which still count a renewal that its agent had begun. */
  readonly awaitedBy: readonly string[];
  /** Renewals that may start now or soon, replacing their earlier wait. */
  readonly promotions: readonly Promotion[];
  readonly promotedIds: readonly string[];
  /** An earlier call for the same batch has counted the outcome. */
  readonly isRepeated?: true;
}

/** The time of lanes: that of the Redis server, so that replicas agree; tests provide their own. */
export interface LaneTime {
  /** Milliseconds since the epoch; undefined for the server's time. */
  readonly nowMs: () => number | undefined;
  /** The clock of this process, near which windows are sent; it may be hours off. */
  readonly ownMs: () => number;
  /** From 0 to 1; randomizes the ends of back-offs. */
  readonly random: () => number;
}

/** Promotions in one run; the next one continues. */
const maxReturned = 1_000;

/**
 * Decides which renewals may start. All state is in Redis and each decision is one script, so that replicas cannot
 * disagree.
 */
export class LaneAdmission {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #time: LaneTime;
  readonly #silentAfterMs: number;

  /** @param silentAfterMs a node without a heartbeat for this long receives no renewals; 0 disables the check */
  constructor(redis: RedisClient, keys: RedisKeys, time: LaneTime = serverTime, silentAfterMs = 0) {
    this.#redis = redis;
    this.#keys = keys;
    this.#time = time;
    this.#silentAfterMs = silentAfterMs;
  }

  /** Requests a slot in flight. Idempotent: a repeated request of an admitted renewal is admitted and counted once. */
  async admit(lane: Lane, request: LaneRequest): Promise<Admission> {
    const args = {
      ...laneArguments(lane, this.#time),
      member: request.id,
      timeout: lane.policy.answerTimeoutMs,
      latest: request.latestStartMs,
      notAfter: request.notAfterMs,
      volume: request.volume,
      renewal: request.renewal,
      dueAt: request.dueAtMs ?? 0,
      silentAfter: this.#silentAfterMs,
    };
    const answer = (await admitScript.run(this.#redis, { keys: this.#keysOf(lane), args })) as [
      number,
      number,
      WaitReason,
      number,
      string,
    ];
    const [verdict, waitMs, reason] = answer;
    const common = { urgent: answer[3] === 1, requestedBy: requestMarks(answer[4]) };
    if (verdict === -1) return { admitted: false, isEarly: true, waitMs, ...common };
    if (verdict === 0) return { admitted: false, isEarly: false, waitMs: Math.ceil(waitMs), reason, ...common };
    return { admitted: true, again: verdict === 2, ...common };
  }

  /**
   * Frees a slot and adjusts the lane's pace to the outcome; returns whether it was started, and the renewals to
   * promote.
   */
  async settle(lane: Lane, settlement: Settlement): Promise<Settled> {
    const { id, renewal, outcome, volume, error = '', cooldownMs = 0, batch = '' } = settlement;
    const { initialMs: initialBackoff, maxMs: maxBackoff } = lane.policy.backoff;
    const { node, volumeId } = parseVolumeKey(volume);
    const keys = { ...this.#keysOf(lane), outbox: this.#keys.outbox(node) };
    const args = {
      ...laneArguments(lane, this.#time),
      member: id,
      outcome,
      initialBackoff,
      maxBackoff,
      random: this.#time.random(),
      volume,
      errorText: error.slice(0, 512),
      renewal,
      cooldownMs: cooldownMs,
      batch,
      volumeId,
    };
    const [code, requesters, marks, ...promoted] = (await settleScript.run(this.#redis, { keys, args })) as [
      number,
      string,
      string,
      ...(string | number)[],
    ];
    const promotions = promotionsOf(promoted);
    return {
      wasStarted: code % 2 === 1,
      requestedBy: requestMarks(requesters),
      awaitedBy: requestMarks(marks),
      promotions,
      promotedIds: promotions.map((promotion) => promotion.id),
      ...(code >= 2 && { isRepeated: true }),
    };
  }

  /**
   * The renewals of a lane to promote: after a change of pace or policy, or because a killed replica lost the
   * promotions.
   */
  async advance(lane: Lane): Promise<readonly Promotion[]> {
    const call = { keys: this.#keysOf(lane), args: laneArguments(lane, this.#time) };
    return promotionsOf((await advanceScript.run(this.#redis, call)) as (string | number)[]);
  }

  /** The renewals of all lanes that waited for silent nodes which are back. */
  async returned(): Promise<readonly Promotion[]> {
    const { silentNodes, seen } = this.#keys;
    const args = { now: this.#time.nowMs(), silentAfter: this.#silentAfterMs, limit: maxReturned };
    const ids = (await returnedNodesScript.run(this.#redis, { keys: { silentNodes, seen }, args })) as string[];
    return ids.map((id) => ({ id, inMs: 0 }));
  }

  #keysOf({ id }: Lane): Readonly<Record<(typeof renewalScriptKeys)[number], string>> {
    const { started, waits, requestedBy, cooldown, cancelled, seen, silentNodes, queuedLanes: queued } = this.#keys;
    const [lane, inflight, slots, blocked] = laneKeys(this.#keys, id);
    const own = { lane, inflight, slots, blocked, waiting: `${lane}:waiting` };
    return { ...own, queued, started, waits, requestedBy, cooldown, cancelled, seen, silentNodes };
  }
}

/** The time of the Redis server. */
export const serverTime: LaneTime = { nowMs: () => undefined, ownMs: Date.now, random: Math.random };

/** The arguments that all scripts of a lane have in common. */
export function laneArguments(lane: Lane, time: LaneTime): LaneArguments {
  const { burst, maxInFlight, backoff } = lane.policy;
  const pausedByPolicy = lane.pause === undefined ? 0 : 1;
  const limits = { baseInterval: startIntervalMs(lane), burst, maxInFlight, threshold: backoff.threshold };
  const windows = windowsAround(lane, time.ownMs());
  return { laneId: lane.id, now: time.nowMs(), ...limits, windows, pausedByPolicy };
}

/** The windows of a lane near a time, which may differ from the server's: the script decides by its own clock. */
function windowsAround(lane: Lane, nowMs: number): string {
  if (lane.windows.isEmpty) return '';
  const sent = sentWindows.get(lane);
  if (sent !== undefined && Math.abs(nowMs - sent.atMs) < 1_000) return sent.text;
  const { spans, isLast } = lane.windows.around(nowMs);
  const known = spans.map(({ startMs, endMs }) => `${startMs}-${endMs}`);
  const text = [...known, ...(isLast ? ['last'] : [])].join(',');
  sentWindows.set(lane, { atMs: nowMs, text });
  return text;
}

/** Kept for a second: a busy lane calls its scripts hundreds of times, and cron expressions are slow. */
const sentWindows = new WeakMap<Lane, { readonly atMs: number; readonly text: string }>();

interface LaneArguments {
  readonly laneId: string;
  readonly now: number | undefined;
  readonly baseInterval: number;
  readonly burst: number;
  readonly maxInFlight: number;
  readonly threshold: number;
  readonly windows: string;
  readonly pausedByPolicy: number;
}

function startIntervalMs({ policy }: Lane): number {
  return policy.ratePerSecond === 0 ? 0 : 1000 / policy.ratePerSecond;
}

export function promotionsOf(promoted: readonly (string | number)[]): readonly Promotion[] {
  const promotions: Promotion[] = [];
  for (let i = 0; i + 1 < promoted.length; i += 2)
    promotions.push({ id: String(promoted[i]), inMs: Math.max(0, Number(promoted[i + 1])) });
  return promotions;
}

/** The keys of a lane that laneStatesScript reads, in its order. */
export function laneKeys(keys: RedisKeys, lane: string): readonly [string, string, string, string] {
  const key = keys.lane(lane);
  return [key, `${key}:inflight`, `${key}:slots`, `${key}:blocked`];
}

/** The key of the pod certificates in flight. @param lane the key of the lane */
export const podsKey = (lane: string): string => `${lane}:pods`;

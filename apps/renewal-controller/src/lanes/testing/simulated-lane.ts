import type { RedisClient } from '../../redis/create-redis.ts';
import type { RedisKeys } from '../../redis/redis-keys.ts';
import { LaneAdmission } from '../lane-admission.ts';
import type { WaitReason } from '@certfleet/fleet-model/vocabulary.ts';
import type { Promotion, Outcome } from '../lane-admission.ts';
import type { Lane } from '../lane-policies.ts';

export interface Arrival {
  readonly id: string;
  readonly atMs: number;
  readonly notAfterMs?: number;
  readonly latestStartMs?: number;
  /** Whether a request for it ignores windows. */
  readonly ignoreWindows?: boolean;
  /** Default: a separate node. */
  readonly node?: string;
}

/** A renewal that a lane started. */
export interface Start {
  readonly id: string;
  readonly atMs: number;
  readonly inFlight: number;
  readonly urgent: boolean;
}

/** How a simulated issuer behaves: its latency and outcome; undefined for no answer. */
export type SimulatedIssuer = (start: Start) => { readonly afterMs: number; readonly outcome: Outcome } | undefined;

/** A lane with a simulated clock: every arrival repeats its request after each wait. */
export class SimulatedLane {
  nowMs: number;
  /** How far the clock of the replica is ahead of that of Redis. */
  skewMs = 0;
  readonly starts: Start[] = [];
  readonly waits: { readonly id: string; readonly atMs: number; readonly reason: WaitReason }[] = [];
  readonly admission: LaneAdmission;
  lane: Lane;
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;
  readonly #events: { readonly atMs: number; readonly run: () => Promise<void> }[] = [];
  readonly #waiting = new Map<string, Arrival>();
  #inFlight = 0;

  constructor(redis: RedisClient, keys: RedisKeys, { lane, startMs }: { lane: Lane; startMs: number }) {
    this.nowMs = startMs;
    this.lane = lane;
    this.#redis = redis;
    this.#keys = keys;
    this.admission = new LaneAdmission(redis, keys, {
      nowMs: () => this.nowMs,
      ownMs: () => this.nowMs + this.skewMs,
      random: () => 0.5,
    });
  }

  /** Schedules an action at a simulated time. */
  at(atMs: number, run: () => Promise<void>): void {
    this.#events.push({ atMs, run });
  }

  arrive(arrivals: readonly Arrival[], issuer: SimulatedIssuer): void {
    for (const arrival of arrivals) this.#comeAt(arrival, arrival.atMs, issuer);
  }

  /** Delivers promotions, as the dispatcher does with jobs. */
  call(promotions: readonly Promotion[], issuer: SimulatedIssuer): void {
    for (const { id, inMs } of promotions) {
      const arrival = this.#waiting.get(id);
      // A moved job drops its earlier time.
      if (arrival !== undefined) this.#comeAt({ ...arrival }, this.nowMs + inMs, issuer);
    }
  }

  /** Runs `advance`, as replicas do every second. */
  async advance(issuer: SimulatedIssuer): Promise<void> {
    this.call(await this.admission.advance(this.lane), issuer);
  }

  /** Requests a renewal that ignores windows, also while it waits in its lane. */
  async hurry(id: string, issuer: SimulatedIssuer): Promise<void> {
    await this.#redis.hset(this.#keys.requestedBy, id, '!people');
    this.call([{ id, inMs: 0 }], issuer);
  }

  /** Runs until no event is left, or until a time. */
  async run(untilMs = Infinity): Promise<void> {
    for (;;) {
      this.#events.sort((a, b) => a.atMs - b.atMs);
      const next = this.#events[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#events.shift();
      this.nowMs = Math.max(this.nowMs, next.atMs);
      await next.run();
    }
    if (untilMs !== Infinity) this.nowMs = untilMs;
  }

  #comeAt(arrival: Arrival, atMs: number, issuer: SimulatedIssuer): void {
    this.#waiting.set(arrival.id, arrival);
    this.at(atMs, async () => {
      if (this.#waiting.get(arrival.id) === arrival) await this.#come(arrival, issuer);
    });
  }

  async #come(arrival: Arrival, issuer: SimulatedIssuer): Promise<void> {
    const { id, notAfterMs = Infinity, latestStartMs = 1e15, ignoreWindows = false } = arrival;
    const volume = placeOf(arrival);
    if (ignoreWindows) await this.#redis.hset(this.#keys.requestedBy, id, '!people');
    const request = { id, renewal: id, volume, notAfterMs: Math.min(notAfterMs, 1e15), latestStartMs };
    const answer = await this.admission.admit(this.lane, request);
    if (!answer.admitted) {
      if (!answer.isEarly) this.waits.push({ id, atMs: this.nowMs, reason: answer.reason });
      // A moved job drops its earlier time.
      this.#comeAt({ ...arrival }, this.nowMs + answer.waitMs, issuer);
      return;
    }
    this.#waiting.delete(id);
    this.#inFlight += 1;
    const start = { id, atMs: this.nowMs, inFlight: this.#inFlight, urgent: answer.urgent };
    this.starts.push(start);
    const end = issuer(start);
    if (end !== undefined) this.at(this.nowMs + end.afterMs, () => this.#end(arrival, end.outcome, issuer));
  }

  async #end(arrival: Arrival, outcome: Outcome, issuer: SimulatedIssuer): Promise<void> {
    this.#inFlight -= 1;
    const { id } = arrival;
    const settlement = { id, renewal: id, outcome, volume: placeOf(arrival) };
    this.call((await this.admission.settle(this.lane, settlement)).promotions, issuer);
  }
}

function placeOf({ id, node = `node-${id}` }: Arrival): string {
  return `${node}/${id}`;
}

/** The maximum number of starts within any span of this length. */
export function maxWithin(starts: readonly Start[], spanMs: number): number {
  const times = starts.map(({ atMs }) => atMs).sort((a, b) => a - b);
  let first = 0;
  let most = 0;
  for (const [i, time] of times.entries()) {
    while (time - (times[first] ?? 0) >= spanMs) first += 1;
    most = Math.max(most, i - first + 1);
  }
  return most;
}

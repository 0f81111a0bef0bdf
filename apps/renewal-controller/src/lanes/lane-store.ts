import { batches } from '@certfleet/shared/batches.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { issuerKey } from '../fleet-index/model/indexed-volume.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { laneKeys, podsKey } from './lane-admission.ts';
import { laneDepth } from './lane-depth.ts';
import type { LaneDepth } from './lane-depth.ts';
import type { Lane, LanePolicies } from './lane-policies.ts';
import type { LanePause, LaneState, PodCertificateShare } from './lane-state.ts';
import { promotionScript, isWithdrawnScript, laneStatesScript } from './lane-state-scripts.ts';

const statesAtOnce = 100;

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

  /** Adds a lane to `list`; does nothing if this process did so before. */
  async note(lane: Lane): Promise<void> {
    if (this.#noted.has(lane.id)) return;
    await this.#redis.hset(this.#keys.lanes, lane.id, JSON.stringify(lane.issuer));
    this.#noted.add(lane.id);
  }

  /** Adds a lane to `list`, which another replica may have removed. */
  async noteAgain(lane: Lane): Promise<void> {
    this.#noted.delete(lane.id);
    await this.note(lane);
  }

  /** Clears the memory of noted lanes: Redis may have lost them. */
  forgetNoted(): void {
    this.#noted.clear();
  }

  /** The lanes that have processed renewals. */
  async list(): Promise<readonly LaneState[]> {
    return await this.states(await this.noted());
  }

  /** The issuers whose lanes have processed renewals or were paused. */
  async noted(): Promise<readonly IssuerName[]> {
    return Object.values(await this.#redis.hgetall(this.#keys.lanes)).map((json) => JSON.parse(json) as IssuerName);
  }

  async state(issuer: IssuerName): Promise<LaneState> {
    const [state] = await this.states([issuer]);
    if (state === undefined) throw new CertfleetError('internal', 'expected the state of a lane, found none');
    return state;
  }

  /** The states of lanes, in batches of a hundred per call to Redis. */
  async states(issuers: readonly IssuerName[]): Promise<readonly LaneState[]> {
    const lanes = issuers.map((issuer) => this.#policies.laneOf(issuer));
    return (await Promise.all(batches(lanes, statesAtOnce).map((some) => this.#statesOf(some)))).flat();
  }

  async #statesOf(lanes: readonly Lane[]): Promise<readonly LaneState[]> {
    const keys = lanes.flatMap(({ id }) => laneKeys(this.#keys, id));
    const answers = (await laneStatesScript.run(this.#redis, keys, [])) as StoredLane[];
    return lanes.map((lane, i) => laneState(lane, answers[i] ?? [[], 0, 0, 0, '']));
  }

  /** The depth and the status of every lane at a time, in milliseconds since the epoch. */
  async depths(nowMs: number): Promise<readonly LaneDepth[]> {
    return (await this.list()).map((state) => {
      const opensInMs = this.#policies.laneOf(state.issuer).windows.opensInMs(nowMs);
      return laneDepth(state, { nowMs, opensInMs });
    });
  }

  /**
   * The new wait, in milliseconds, of a renewal that was promoted before its job was delayed; undefined if its wait is
   * still valid.
   */
  async promotionDelayMs(
    { id }: Lane,
    renewal: { readonly id: string; readonly volume: string },
  ): Promise<number | undefined> {
    const [lane, , slots, blocked] = laneKeys(this.#keys, id);
    const keys = { slots, blocked, nodeLimited: `${lane}:node-limited`, waits: this.#keys.waits };
    const args = { member: renewal.id, volume: renewal.volume };
    const answer = (await promotionScript.run(this.#redis, { keys, args })) as string;
    return answer === '' ? undefined : Number(answer);
  }

  /** Whether an admitted renewal must not start any more, because its lane was paused or its request cancelled. */
  async isWithdrawn(
    { id, issuer }: Lane,
    { renewal, isDue }: { readonly renewal: string; readonly isDue: boolean },
  ): Promise<boolean> {
    const { requestedBy, cancelled } = this.#keys;
    const keys = { lane: this.#keys.lane(id), requestedBy, cancelled };
    const call = { keys, args: { renewal, isDue: isDue ? 1 : 0 } };
    // The policies as they are after the answer: a pause that follows recalls what it finds.
    return (await isWithdrawnScript.run(this.#redis, call)) === 1 || this.#policies.laneOf(issuer).pause !== undefined;
  }

  /** The issuers of lanes in which renewals wait. */
  async queued(): Promise<readonly IssuerName[]> {
    const ids = await this.#redis.smembers(this.#keys.queuedLanes);
    if (ids.length === 0) return [];
    const found = await this.#redis.hmget(this.#keys.lanes, ...ids);
    return found.flatMap((json) => (typeof json === 'string' ? [JSON.parse(json) as IssuerName] : []));
  }

  /** The pauses in Redis, which other replicas saw last. */
  async storedPauses(issuers: readonly IssuerName[]): Promise<ReadonlyMap<IssuerName, LanePause>> {
    const found = new Map<IssuerName, LanePause>();
    const read = async (issuer: IssuerName): Promise<void> => {
      const json = await this.#redis.hget(laneKeys(this.#keys, this.#policies.laneOf(issuer).id)[0], 'paused');
      if (json !== null) found.set(issuer, JSON.parse(json) as LanePause);
    };
    for (const some of batches(issuers, statesAtOnce)) await Promise.all(some.map(read));
    return found;
  }

  /** Pauses all renewals of an issuer, including urgent ones, until `resume`. */
  async pause(issuer: IssuerName, pause: LanePause): Promise<void> {
    const lane = this.#policies.laneOf(issuer);
    await this.note(lane);
    await this.#redis.hset(laneKeys(this.#keys, lane.id)[0], 'paused', JSON.stringify(pause));
  }

  /** Ends a pause. The next `advance` promotes the first blocked renewals, and each result the following ones. */
  async resume(issuer: IssuerName): Promise<void> {
    await this.#redis.hdel(laneKeys(this.#keys, this.#policies.laneOf(issuer).id)[0], 'paused');
  }

  /** Removes the lanes of issuers that no volume names any more; keeps paused lanes. */
  async prune(usedIssuerKeys: ReadonlySet<string>): Promise<void> {
    for (const { id, issuer, paused, inFlight, podCertificates } of await this.list()) {
      if (usedIssuerKeys.has(issuerKey(issuer)) || paused !== undefined || inFlight > 0) continue;
      if (podCertificates !== undefined && podCertificates.waiting > 0) continue;
      const [lane, ...rest] = laneKeys(this.#keys, id);
      const keys = [lane, ...rest, `${lane}:node-limited`, `${lane}:waiting`, podsKey(lane)];
      await Promise.all(keys.map((key) => this.#redis.del(key)));
      await this.#redis.hdel(this.#keys.lanes, id);
      await this.#redis.srem(this.#keys.queuedLanes, id);
      this.#noted.delete(id);
    }
  }
}

/** A lane as laneStatesScript returns it: its hash, number in flight, in slots, blocked, time of the last slot. */
type StoredLane = readonly [readonly string[], number, number, number, string];

function laneState(lane: Lane, [pairs, inFlight, queued, blocked, last]: StoredLane): LaneState {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < pairs.length; i += 2) fields.set(pairs[i] ?? '', pairs[i + 1] ?? '');
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const paused = fields.get('paused');
  const error = fields.get('error') ?? '';
  return {
    id: lane.id,
    issuer: lane.issuer,
    policy: lane.policy,
    paused: lane.pause ?? (paused === undefined ? undefined : (JSON.parse(paused) as LanePause)),
    inFlight,
    podCertificates: shareOf(fields),
    queued,
    blocked,
    queueEndsAtMs: last === '' ? undefined : Number(last),
    backoffUntilMs: number('until') === 0 ? undefined : number('until'),
    failureStreak: number('streak'),
    failingSinceMs: number('failingSince') === 0 ? undefined : number('failingSince'),
    pace: 2 ** -number('paceDivisorLog2'),
    lastError: error === '' ? undefined : { atMs: number('errorAt'), message: error },
  };
}

function shareOf(fields: ReadonlyMap<string, string>): PodCertificateShare | undefined {
  const [waiting, inFlight, untilMs] = ['podsWaiting', 'podsInFlight', 'podsUntil'].map((name) => fields.get(name));
  if (waiting === undefined || inFlight === undefined || untilMs === undefined) return undefined;
  return { waiting: Number(waiting), inFlight: Number(inFlight), untilMs: Number(untilMs) };
}

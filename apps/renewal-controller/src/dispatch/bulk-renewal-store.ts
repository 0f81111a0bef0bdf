import { batches } from '@certfleet/shared/batches.ts';
import type { VolumeKey } from '../fleet-index/model/volume-key.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { requestMarks } from '../lanes/request-marks.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import type { BulkRenewal, BulkRenewalRequest, BulkRenewalStart } from './bulk-renewal.ts';
import {
  beginBulkScript,
  cancelBulkScript,
  countFailureScript,
  ensureBulkScript,
  requestScript,
  settleRequestScript,
} from './bulk-renewal-scripts.ts';
import { renewalId } from './renewal-job.ts';

/** How one renewal of a bulk renewal ended. */
export type RenewalEnd = 'renewed' | 'gone' | 'cancelled';

/** A volume that a bulk renewal waits for, at the generation to be replaced. */
export interface PendingRenewal {
  readonly id: string;
  readonly node: string;
  readonly volumeId: string;
}

/** A failed attempt, identified by a batch of the node's outbox. */
export interface ReportedFailure extends VolumeKey {
  readonly batch: string;
}

const batchSize = 500;

/** The records of operators' renewal requests, kept in Redis so that any replica can continue them. */
export class BulkRenewalStore {
  readonly #redis: RedisClient;
  readonly #keys: RedisKeys;

  constructor(redis: RedisClient, keys: RedisKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * Creates the record of a bulk renewal unless it exists.
   * @returns 'created', or its state; 'cancelled' if its id was cancelled before
   */
  async ensure(start: BulkRenewalStart): Promise<BulkRenewal['state'] | 'created'> {
    const { id, total, renewed, failures, stopsAt = 0, ...request } = start;
    const { bulk } = this.#keysOf(id);
    const { bulks, cancelled } = this.#keys;
    const args = {
      id,
      request: JSON.stringify(request),
      createdAt: request.createdAtMs,
      total,
      renewed,
      failures,
      stopsAt,
    };
    const state = await ensureBulkScript.run(this.#redis, { keys: { bulk, bulks, cancelled }, args });
    return state as BulkRenewal['state'] | 'created';
  }

  /**
   * Adds volumes to a bulk renewal, which is then starting: its job brings them forward. A repeated call changes nothing.
   * @returns whether they were added; false if the bulk renewal was cancelled or does not exist
   */
  async add(id: string, isIgnoringWindows: boolean, volumes: readonly IndexedVolume[]): Promise<boolean> {
    const { requestedBy, cooldown } = this.#keys;
    const call = {
      keys: { requestedBy, cooldown, ...this.#keysOf(id) },
      args: { mark: isIgnoringWindows ? `!${id}` : id },
    };
    for (const some of batches(volumes, batchSize)) {
      const rest = some.flatMap((volume) => [renewalId(volume), JSON.stringify([volume.node, volume.volumeId])]);
      if ((await requestScript.run(this.#redis, { ...call, rest })) !== 1) return false;
    }
    return true;
  }

  /**
   * Begins or continues a bulk renewal.
   * @returns for how long it has been running, in milliseconds; undefined if it has nothing left to do
   */
  async begin(id: string): Promise<number | undefined> {
    const runningMs = Number(await beginBulkScript.run(this.#redis, { keys: this.#keysOf(id) }));
    return runningMs < 0 ? undefined : runningMs;
  }

  /**
   * Cancels a bulk renewal: after this returns, lanes start nothing for it.
   * @returns whether it was running until now, and whether its renewals must be recalled from the queues of nodes
   */
  async cancel(id: string): Promise<{ readonly wasRunning: boolean; readonly mustRecall: boolean }> {
    const keys = { ...this.#keysOf(id), cancelled: this.#keys.cancelled };
    const answer = Number(await cancelBulkScript.run(this.#redis, { keys, args: { id } }));
    return { wasRunning: answer === 1, mustRecall: answer > 0 };
  }

  /** Records that the renewals of a cancelled bulk renewal are recalled. */
  async recalled(id: string): Promise<void> {
    await this.#redis.hdel(this.#keysOf(id).bulk, 'recall');
  }

  async isCancelled(id: string): Promise<boolean> {
    return (await this.#redis.hget(this.#keysOf(id).bulk, 'state')) === 'cancelled';
  }

  /** Returns those of the renewals that the bulk renewal waits for. */
  async pendingOf(id: string, renewals: readonly string[]): Promise<ReadonlySet<string>> {
    if (renewals.length === 0) return new Set();
    const found = await this.#redis.hmget(this.#keysOf(id).pending, ...renewals);
    return new Set(renewals.filter((_, i) => typeof found[i] === 'string'));
  }

  /** Every renewal that the bulk renewal still waits for, in batches of some hundreds; a renewal may appear twice. */
  async *pending(id: string): AsyncGenerator<readonly PendingRenewal[]> {
    let cursor = '0';
    do {
      const [next, pairs] = await this.#redis.hscan(this.#keysOf(id).pending, cursor, 'COUNT', batchSize);
      cursor = next;
      const found: PendingRenewal[] = [];
      for (let i = 0; i + 1 < pairs.length; i += 2) {
        const [node, volumeId] = JSON.parse(pairs[i + 1] ?? '[]') as [string, string];
        found.push({ id: pairs[i] ?? '', node, volumeId });
      }
      if (found.length > 0) yield found;
    } while (cursor !== '0');
  }

  /** The marks of the bulk renewals that request this renewal. */
  async wanting(renewal: string): Promise<readonly string[]> {
    return requestMarks(await this.#redis.hget(this.#keys.requestedBy, renewal));
  }

  /** Returns those of the renewals that any bulk renewal requests. */
  async wanted(renewals: readonly string[]): Promise<ReadonlySet<string>> {
    if (renewals.length === 0) return new Set();
    const values = await this.#redis.hmget(this.#keys.requestedBy, ...renewals);
    return new Set(renewals.filter((_, i) => typeof values[i] === 'string'));
  }

  /** Ends a renewal for one bulk renewal, unless it is cancelled but started; returns true if no other requests it. */
  async settle(mark: string, renewal: string, end: RenewalEnd): Promise<boolean> {
    const { requestedBy, started } = this.#keys;
    const keys = { ...this.#keysOf(mark.replace('!', '')), requestedBy, started };
    return (await settleRequestScript.run(this.#redis, { keys, args: { mark, renewal, counter: end } })) === 1;
  }

  /**
   * Counts a failed attempt for one bulk renewal, once per batch of changes.
   * @returns whether the bulk renewal must stop after it
   */
  async countFailure(mark: string, { node, volumeId, batch }: ReportedFailure): Promise<boolean> {
    const keys = { ...this.#keysOf(mark.replace('!', '')), outbox: this.#keys.outbox(node) };
    const args = { batch, counted: `f:${mark}:${volumeId}` };
    return (await countFailureScript.run(this.#redis, { keys, args })) === 1;
  }

  /** Returns undefined if the bulk renewal does not exist or has been deleted. */
  async get(id: string): Promise<BulkRenewal | undefined> {
    const { bulk, pending: pendingKey } = this.#keysOf(id);
    const [record, pending] = await Promise.all([this.#redis.hgetall(bulk), this.#redis.hlen(pendingKey)]);
    if (record['request'] === undefined) return undefined;
    const count = (name: string): number => Number(record[name] ?? 0);
    return {
      ...(JSON.parse(record['request']) as BulkRenewalRequest),
      id,
      state: record['state'] as BulkRenewal['state'],
      total: count('total'),
      pending,
      renewed: count('renewed'),
      gone: count('gone'),
      cancelled: count('cancelled'),
      failures: count('failures'),
      ...(record['recall'] !== undefined && { mustRecall: true }),
    };
  }

  /** The running bulk renewals and those that ended within a week, the latest first. */
  async list(): Promise<readonly BulkRenewal[]> {
    const ids = await this.#redis.zrange(this.#keys.bulks, 0, '-1', 'REV');
    const found = await Promise.all(ids.map((id) => this.get(id)));
    const expired = ids.filter((_, i) => found[i] === undefined);
    if (expired.length > 0) await this.#redis.zrem(this.#keys.bulks, ...expired);
    return found.filter((bulk) => bulk !== undefined);
  }

  #keysOf(id: string): { readonly bulk: string; readonly pending: string } {
    const bulk = this.#keys.bulk(id);
    return { bulk, pending: `${bulk}:pending` };
  }
}

import { renewalId, renewalOf } from '../../../apps/renewal-controller/src/dispatch/renewal-job.ts';
import { renewalKey } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import type { RedisPair } from './world/redis-pair.ts';

/** Queries Redis for the renewals in the queues of nodes that are not answered. */
export class HandedOver {
  readonly #redis: Pick<RedisPair, 'run'>;
  readonly #ledger: Ledger;

  constructor(redis: Pick<RedisPair, 'run'>, ledger: Ledger) {
    this.#redis = redis;
    this.#ledger = ledger;
  }

  /** By the ledger's keys; undefined when Redis does not respond. */
  async now(): Promise<ReadonlySet<string> | undefined> {
    try {
      const lanes = await this.#keys('{certfleet}:lane:*:inflight');
      const queues = await Promise.all(
        ['wait', 'prioritized', 'active'].map((list) => this.#keys(`{certfleet-node-*}:renewals:${list}`)),
      );
      const ids = new Set<string>();
      for (const key of [...lanes, ...queues.flat()]) for (const id of await this.#members(key)) ids.add(renewalOf(id));
      const volumes = [...this.#ledger.volumes.values()];
      return new Set(volumes.filter((volume) => ids.has(renewalId(volume))).map(renewalKey));
    } catch {
      return undefined;
    }
  }

  async #keys(pattern: string): Promise<readonly string[]> {
    return (await this.#redis.run('KEYS', pattern)) as readonly string[];
  }

  async #members(key: string): Promise<readonly string[]> {
    const type = await this.#redis.run('TYPE', key);
    const command = type === 'zset' ? 'ZRANGE' : 'LRANGE';
    return (await this.#redis.run(command, key, '0', '-1')) as readonly string[];
  }
}

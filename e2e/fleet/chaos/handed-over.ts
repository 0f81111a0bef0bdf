import { renewalId, renewalOf } from '../../../apps/renewal-controller/src/dispatch/renewal-job.ts';
import { renewalKey } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import type { RedisPair } from './world/redis-pair.ts';

const patterns = [
  '{certfleet}:lane:*:inflight',
  ...['wait', 'prioritized', 'active'].map((list) => `{certfleet-node-*}:renewals:${list}`),
];

/** Returns the members of all keys of these patterns. In one step: a job that moves in between would be in no list. */
const membersScript = `
  local found = {}
  for _, pattern in ipairs(ARGV) do
    for _, key in ipairs(redis.call('KEYS', pattern)) do
      local read = redis.call('TYPE', key).ok == 'zset' and 'ZRANGE' or 'LRANGE'
      for _, member in ipairs(redis.call(read, key, 0, -1)) do found[#found + 1] = member end
    end
  end
  return found`;

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
      const members = (await this.#redis.run('EVAL', membersScript, '0', ...patterns)) as readonly string[];
      const ids = new Set(members.map(renewalOf));
      const volumes = [...this.#ledger.volumes.values()];
      return new Set(volumes.filter((volume) => ids.has(renewalId(volume))).map(renewalKey));
    } catch {
      return undefined;
    }
  }
}

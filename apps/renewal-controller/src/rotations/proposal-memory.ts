import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** What was proposed before. Names contain the CAs, so they are the same for every replica. */
export interface ProposalMemory {
  has(name: string): Promise<boolean>;
  /** Also if it is known: the time to keep it begins again. */
  remember(name: string): Promise<void>;
}

/** A change that was not seen for this long may be proposed again. */
const keptSeconds = 30 * 86_400;
const maxLocal = 1_000;

/**
 * Remembers the proposals in Redis, and in each replica in case that Redis loses its data. Only if Redis and all replicas
 * are lost at once, a deleted proposal comes back, once.
 */
export class RedisProposalMemory implements ProposalMemory {
  readonly #redis: RedisClient;
  readonly #keys: Pick<RedisKeys, 'proposal'>;
  readonly #local = new Set<string>();

  constructor(redis: RedisClient, keys: Pick<RedisKeys, 'proposal'>) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async has(name: string): Promise<boolean> {
    return this.#local.has(name) || (await this.#redis.exists(this.#keys.proposal(name))) === 1;
  }

  async remember(name: string): Promise<void> {
    if (this.#local.size < maxLocal) this.#local.add(name);
    await this.#redis.set(this.#keys.proposal(name), '1', 'EX', keptSeconds);
  }
}

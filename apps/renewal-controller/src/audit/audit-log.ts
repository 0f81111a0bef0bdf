import type { Audit, AuditEntry, AuditQuery } from '@certfleet/operator-api/audit.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';

/** Something that a person did; the log gives it place and time. */
export type AuditedAction = Omit<AuditEntry, 'id' | 'at'>;

/** What the log stands on. */
export interface AuditLogOptions {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly log: Logger;
  /** Tells open pages of a new entry. */
  readonly announce: () => Promise<void>;
}

/** About this many entries are kept in Redis; the log lines are for keeping longer. */
const kept = 10_000;

/** What people did: a structured log line each, and the last ten thousand in Redis for the page. */
export class AuditLog {
  readonly #options: AuditLogOptions;

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Writes down what was done. The log line stands whatever Redis does; what was done is not undone for its sake. */
  async write(action: AuditedAction): Promise<void> {
    const { redis, keys, log, announce } = this.#options;
    log.info({ audit: action }, 'audit');
    try {
      await redis.xadd(keys.audit, 'MAXLEN', '~', kept, '*', 'e', JSON.stringify(action));
      await announce();
    } catch (thrown) {
      log.warn({ error: String(thrown) }, 'audit entry not kept in redis');
    }
  }

  /** A page, the latest first. @throws CertfleetError invalid-argument for a cursor that is none */
  async page({ limit, after }: AuditQuery): Promise<Audit> {
    if (after !== undefined && !/^\d{1,20}-\d{1,20}$/.test(after))
      throw new CertfleetError('invalid-argument', 'after: expected the `next` of a page, found something else');
    const from = after === undefined ? '+' : `(${after}`;
    const found = await this.#options.redis.xrevrange(this.#options.keys.audit, from, '-', 'COUNT', limit + 1);
    const entries = found.slice(0, limit).map(([id, [, json = '{}']]) => entryOf(id, json));
    const last = entries.at(-1);
    return { entries, ...(found.length > limit && last !== undefined && { next: last.id }) };
  }
}

/** The id of a stream's entry begins with its time. */
function entryOf(id: string, json: string): AuditEntry {
  const at = new Date(Number(id.split('-')[0])).toISOString();
  return { ...(JSON.parse(json) as AuditedAction), id, at };
}

import type { Audit, AuditEntry, AuditQuery } from '@certfleet/operator-api/audit.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import type { Clock } from '@certfleet/shared/clock.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { RefusalFilter } from './refusal-filter.ts';

/** Something that a person does; the log gives it place and time. */
export type AuditedAction = Omit<AuditEntry, 'id' | 'at'>;

/** What came of it, for the entry. */
export interface AuditedResult<Value> {
  readonly value: Value;
  readonly detail?: string;
}

/** What the log stands on. */
export interface AuditLogOptions {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly log: Logger;
  /** Tells open pages of a new entry. */
  readonly announce: () => Promise<void>;
  readonly clock?: Clock;
}

/** About this many entries are kept in Redis; the log lines are for keeping longer. */
const kept = 10_000;
/** In a stream of their own, so that refusals never push out what was done. */
const keptRefusals = 2_000;
/** Names and selections may be long, and some are a stranger's. */
const maxLengths = { who: 256, target: 1_024, reason: 1_024, detail: 1_024 } as const;

/** What people did and were refused: a structured log line each, and the last ones in Redis for the page. */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #refusals: RefusalFilter;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#refusals = new RefusalFilter(options.clock ?? systemClock);
  }

  /**
   * Writes down what is about to be done, does it, and writes down what came of it in the place of the first entry. A
   * controller that ends in between leaves the first, which says that the outcome is not known. The log lines are written
   * whatever Redis does; what is done is not undone for its sake.
   */
  async around<Value>(action: AuditedAction, act: () => Promise<AuditedResult<Value>>): Promise<Value> {
    const bounded = boundedAction(action);
    this.#options.log.info({ audit: bounded }, 'audit');
    const intent = await this.#keep({ ...bounded, outcome: 'started' });
    try {
      const { value, detail } = await act();
      await this.#settle(intent, { ...bounded, outcome: 'done', ...(detail !== undefined && { detail }) });
      return value;
    } catch (thrown) {
      const { code, message } = asCertfleetError(thrown);
      // An error that we did not foresee may quote anything.
      const detail = code === 'internal' ? 'internal error' : message;
      await this.#settle(intent, { ...bounded, outcome: 'failed', detail });
      throw thrown;
    }
  }

  /** Writes down what was done. */
  async write(action: AuditedAction): Promise<void> {
    const bounded = boundedAction(action);
    this.#options.log.info({ audit: bounded }, 'audit');
    await this.#keep(bounded);
  }

  /** Writes down that somebody was refused; of many that are alike some are written and the rest counted. */
  async refused(action: Omit<AuditedAction, 'outcome'>): Promise<void> {
    const { redis, keys, log, announce } = this.#options;
    const { who, action: what, target } = action;
    const verdict = this.#refusals.refused(who, JSON.stringify([who, what, target]));
    if (!verdict.isWritten) return;
    const more = verdict.omitted === 0 ? '' : `; ${verdict.omitted} other refusals have no entry of their own`;
    const detail = `${action.detail ?? ''}${more}`;
    const bounded = boundedAction({ ...action, outcome: 'refused', ...(detail !== '' && { detail }) });
    log.warn({ audit: bounded }, 'audit');
    try {
      await redis.xadd(keys.auditRefusals, 'MAXLEN', '~', keptRefusals, '*', 'e', JSON.stringify(bounded));
      await announce();
    } catch (thrown) {
      log.warn({ error: String(thrown) }, 'audit entry not kept in redis');
    }
  }

  /** A page, the latest first. @throws CertfleetError invalid-argument for a cursor that is none */
  async page({ limit, after }: AuditQuery): Promise<Audit> {
    const { redis, keys } = this.#options;
    const { acts, refusals } = startsOf(after);
    const [done, refused] = await Promise.all([
      redis.xrevrange(keys.audit, acts, '-', 'COUNT', limit + 1),
      redis.xrevrange(keys.auditRefusals, refusals, '-', 'COUNT', limit + 1),
    ]);
    const found = [
      ...done.map(([id, [, json = '{}']]) => entryOf(id, json)),
      ...refused.map(([id, [, json = '{}']]) => entryOf(`${id}${refusalMark}`, json)),
    ].sort((a, b) => compareIds(b.id, a.id));
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries, ...(found.length > limit && last !== undefined && { next: last.id }) };
  }

  /** @returns the entry's id; undefined when Redis did not take it */
  async #keep(entry: object, replaced?: string): Promise<string | undefined> {
    const { redis, keys, log, announce } = this.#options;
    try {
      const transaction = redis.multi();
      if (replaced !== undefined) transaction.xdel(keys.audit, replaced);
      transaction.xadd(keys.audit, 'MAXLEN', '~', kept, '*', 'e', JSON.stringify(entry));
      const [error, id] = (await transaction.exec())?.at(-1) ?? [new Error('expected an answer of redis, found none')];
      if (error !== null) throw error;
      await announce();
      return typeof id === 'string' ? id : undefined;
    } catch (thrown) {
      log.warn({ error: String(thrown) }, 'audit entry not kept in redis');
      return undefined;
    }
  }

  async #settle(intent: string | undefined, outcome: AuditedAction): Promise<void> {
    const bounded = boundedAction(outcome);
    this.#options.log.info({ audit: bounded }, 'audit outcome');
    // Shown at the time at which it was begun.
    await this.#keep({ ...bounded, ...(intent !== undefined && { at: timeOf(intent) }) }, intent);
  }
}

function boundedAction<Action extends AuditedAction>(action: Action): Action {
  const bounded = Object.entries(maxLengths).flatMap(([field, max]) => {
    const text = action[field as keyof typeof maxLengths];
    return text === undefined || text.length <= max ? [] : [[field, `${text.slice(0, max - 1)}…`]];
  });
  return { ...action, ...(Object.fromEntries(bounded) as Partial<Action>) };
}

/** Ids of the two streams may be the same; those of refusals are marked. */
const refusalMark = 'r';

/** Where a page begins in each stream. An entry of what was done comes before a refusal of the same id. */
function startsOf(after: string | undefined): { readonly acts: string; readonly refusals: string } {
  if (after === undefined) return { acts: '+', refusals: '+' };
  const match = /^(\d{1,20}-\d{1,20})(r?)$/.exec(after);
  const id = match?.[1];
  if (id === undefined)
    throw new CertfleetError('invalid-argument', 'after: expected the `next` of a page, found something else');
  return { acts: `(${id}`, refusals: match?.[2] === refusalMark ? `(${id}` : id };
}

/** Positive when `a` is shown before `b`. */
function compareIds(a: string, b: string): number {
  const [aMs = 0n, aSequence = 0n] = numbersOf(a);
  const [bMs = 0n, bSequence = 0n] = numbersOf(b);
  if (aMs !== bMs) return aMs > bMs ? 1 : -1;
  if (aSequence !== bSequence) return aSequence > bSequence ? 1 : -1;
  return Number(b.endsWith(refusalMark)) - Number(a.endsWith(refusalMark));
}

const numbersOf = (id: string): bigint[] => id.replace(refusalMark, '').split('-').map(BigInt);

/** The id of a stream's entry begins with its time; an outcome has the time at which it was begun. */
function entryOf(id: string, json: string): AuditEntry {
  return { at: timeOf(id), ...(JSON.parse(json) as AuditedAction), id };
}

function timeOf(id: string): string {
  return new Date(Number(id.split('-')[0])).toISOString();
}

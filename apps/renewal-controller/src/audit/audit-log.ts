import { randomUUID } from 'node:crypto';
import type { Audit, AuditEntry, AuditFilter, AuditQuery } from '@certfleet/operator-api/audit.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import type { CancelTimer, Clock } from '@certfleet/shared/clock.ts';
import { doubledDelayMs } from '@certfleet/shared/doubled-delay.ts';
import { asCertfleetError, CertfleetError } from '@certfleet/shared/errors.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { auditCriterion, latestEntries, timeOf } from './audit-entries.ts';
import type { LastingAudit, StoredEntry } from './lasting-audit.ts';
import { RefusalFilter } from './refusal-filter.ts';
import { restoreEntries } from './restore-entries.ts';

/** One action of an operator; the log adds its id and time. */
export type AuditedAction = Omit<AuditEntry, 'id' | 'at' | 'cluster'>;

/** The result of an action, with an optional detail for its audit entry. */
export interface AuditedResult<Value> {
  readonly value: Value;
  readonly detail?: string;
}

export interface AuditLogOptions {
  readonly redis: RedisClient;
  readonly keys: RedisKeys;
  readonly log: Logger;
  /** Publishes the new entry to open pages. */
  readonly announce: () => Promise<void>;
  readonly clock?: Clock;
  /** Name of the cluster, a field of each entry. */
  readonly cluster?: string | undefined;
  /** Where entries outlast Redis. */
  readonly lasting?: LastingAudit;
}

/** Approximate number of entries in Redis. For longer retention keep the log lines. */
const maxEntries = 10_000;
/** A separate stream, so that refusals never displace completed actions. */
const maxRefusals = 2_000;
/** Delays before another attempt to restore entries after failed ones. */
const [minRestoreDelayMs, maxRestoreDelayMs] = [5_000, 300_000];
/** In characters. Names and selections can be long and can come from untrusted callers. */
const maxLengths = { who: 256, target: 1_024, reason: 1_024, detail: 1_024 } as const;

/**
 * Records operator actions and refusals: one structured log line each, and the latest entries in Redis for the page.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #refusals: RefusalFilter;
  readonly #clock: Clock;
  #failedRestores = 0;
  #cancelRestore: CancelTimer | undefined;
  #isStopped = false;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#refusals = new RefusalFilter(this.#clock);
    options.redis.on('ready', this.#onReady);
  }

  /**
   * Records the action, runs it and then replaces the entry by one with its outcome. If the controller stops in
   * between, the first entry remains with the outcome `started`. A Redis failure stops neither the log lines nor the
   * action.
   */
  async around<Value>(action: AuditedAction, act: () => Promise<AuditedResult<Value>>): Promise<Value> {
    const bounded = this.#named(boundedAction(action));
    this.#options.log.info({ audit: bounded }, 'audit');
    const begun = { ...bounded, uid: randomUUID() };
    const intent = await this.#keep({ ...begun, outcome: 'started' });
    try {
      const { value, detail } = await act();
      await this.#settle(intent, { ...begun, outcome: 'done', ...(detail !== undefined && { detail }) });
      return value;
    } catch (thrown) {
      const { code, message } = asCertfleetError(thrown);
      // An unexpected error may contain secrets.
      const detail = code === 'internal' ? 'internal error' : message;
      await this.#settle(intent, { ...begun, outcome: 'failed', detail });
      throw thrown;
    }
  }

  /** Records an action that is already done. */
  async write(action: AuditedAction): Promise<void> {
    const bounded = this.#named(boundedAction(action));
    this.#options.log.info({ audit: bounded }, 'audit');
    const entry = { ...bounded, uid: randomUUID() };
    this.#record(entry, await this.#keep(entry));
  }

  /** Records a refusal. Similar refusals are rate-limited; the next entry counts those left out. */
  async refused(action: Omit<AuditedAction, 'outcome'>): Promise<void> {
    const { redis, keys, log, announce } = this.#options;
    const { who, action: what, target } = action;
    const verdict = this.#refusals.refused(who, JSON.stringify([who, what, target]));
    if (!verdict.isWritten) return;
    const more = verdict.omitted === 0 ? '' : `; ${verdict.omitted} other refusals were not recorded individually`;
    const detail = `${action.detail ?? ''}${more}`;
    const bounded = this.#named(boundedAction({ ...action, outcome: 'refused', ...(detail !== '' && { detail }) }));
    log.warn({ audit: bounded }, 'audit');
    const entry = { ...bounded, uid: randomUUID() };
    let id: string | null = null;
    try {
      id = await redis.xadd(keys.auditRefusals, 'MAXLEN', '~', maxRefusals, '*', 'e', JSON.stringify(entry));
      await announce();
    } catch (thrown) {
      this.#notKept(thrown);
    }
    this.#record(entry, id ?? undefined);
  }

  /** Adds the entries that Redis has lost and that are found elsewhere. Idempotent, from any replica. */
  async restore(): Promise<void> {
    const { redis, keys, log, announce, lasting } = this.#options;
    if (lasting === undefined) return;
    this.#cancelRestore?.();
    this.#cancelRestore = undefined;
    try {
      const streams = {
        actions: { key: keys.audit, limit: maxEntries },
        refusals: { key: keys.auditRefusals, limit: maxRefusals },
      };
      const added = await restoreEntries(redis, streams, await lasting.read());
      this.#failedRestores = 0;
      if (added === 0) return;
      log.info({ entries: added }, 'audit entries that Redis had lost restored');
      await announce();
    } catch (thrown) {
      const delayMs = this.#restoreLater();
      log.warn({ error: asCertfleetError(thrown).message, delayMs }, 'audit entries not restored');
    }
  }

  /** Ends the attempts to restore entries. */
  stop(): void {
    this.#isStopped = true;
    this.#options.redis.off('ready', this.#onReady);
    this.#cancelRestore?.();
  }

  /**
   * Returns one page of the entries that match, the latest first.
   * @throws CertfleetError invalid-argument for an invalid cursor
   */
  async page({ limit, after, ...filter }: AuditQuery): Promise<Audit> {
    const { redis, keys } = this.#options;
    const { acts, refusals } = startsOf(after);
    const matches = auditCriterion(filter);
    const [done, refused] = await Promise.all([
      latestEntries(redis, { key: keys.audit, from: acts, mark: '', matches, limit: limit + 1 }),
      latestEntries(redis, { key: keys.auditRefusals, from: refusals, mark: refusalMark, matches, limit: limit + 1 }),
    ]);
    const found = [...done, ...refused].sort((a, b) => compareIds(b.id, a.id));
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return { entries, ...(found.length > limit && last !== undefined && { next: last.id }) };
  }

  /** Every entry that matches, the latest first; the streams in Redis are bounded. */
  async all(filter: AuditFilter): Promise<readonly AuditEntry[]> {
    return (await this.page({ ...filter, limit: maxEntries + maxRefusals })).entries;
  }

  #named<Action extends AuditedAction>(action: Action): Action & Pick<AuditEntry, 'cluster'> {
    const { cluster } = this.#options;
    return cluster === undefined ? action : { ...action, cluster };
  }

  /** @returns the entry's id; undefined if Redis did not store it */
  async #keep(entry: object, replaced?: string): Promise<string | undefined> {
    const { redis, keys, announce } = this.#options;
    try {
      const transaction = redis.multi();
      if (replaced !== undefined) transaction.xdel(keys.audit, replaced);
      transaction.xadd(keys.audit, 'MAXLEN', '~', maxEntries, '*', 'e', JSON.stringify(entry));
      const [error, id] = (await transaction.exec())?.at(-1) ?? [
        new Error('Redis returned no result for the transaction'),
      ];
      if (error !== null) throw error;
      await announce();
      return typeof id === 'string' ? id : undefined;
    } catch (thrown) {
      this.#notKept(thrown);
      return undefined;
    }
  }

  /** @returns the delay of the next attempt to restore entries, in milliseconds; each is longer until one succeeds */
  #restoreLater(): number {
    const delayMs = doubledDelayMs(minRestoreDelayMs, this.#failedRestores++, maxRestoreDelayMs);
    this.#cancelRestore?.();
    if (!this.#isStopped) this.#cancelRestore = this.#clock.schedule(delayMs, () => void this.restore());
    return delayMs;
  }

  /** After an outage the delay may be minutes. */
  readonly #onReady = (): void => {
    if (this.#cancelRestore !== undefined) void this.restore();
  };

  #notKept(thrown: unknown): void {
    if (this.#options.lasting !== undefined && this.#cancelRestore === undefined) this.#restoreLater();
    this.#options.log.warn({ error: String(thrown) }, 'audit entry not stored in Redis');
  }

  #record(entry: Omit<StoredEntry, 'at'>, id: string | undefined): void {
    const at = id === undefined ? new Date(this.#clock.now()).toISOString() : timeOf(id);
    this.#options.lasting?.record({ at, ...entry });
  }

  async #settle(intent: string | undefined, outcome: AuditedAction & { readonly uid: string }): Promise<void> {
    const { uid, ...action } = boundedAction(outcome);
    this.#options.log.info({ audit: action }, 'audit outcome');
    // Keep the start time of the action, not the time of its outcome.
    const entry = { ...action, uid, ...(intent !== undefined && { at: timeOf(intent) }) };
    this.#record(entry, await this.#keep(entry, intent));
  }
}

function boundedAction<Action extends AuditedAction>(action: Action): Action {
  const bounded = Object.entries(maxLengths).flatMap(([field, max]) => {
    const text = action[field as keyof typeof maxLengths];
    return text === undefined || text.length <= max ? [] : [[field, `${text.slice(0, max - 1)}…`]];
  });
  return { ...action, ...(Object.fromEntries(bounded) as Partial<Action>) };
}

/** Marks ids of refusals, because ids of the two streams may be equal. */
const refusalMark = 'r';

/** Start ids of a page in both streams. Of two equal ids the action is listed before the refusal. */
function startsOf(after: string | undefined): { readonly acts: string; readonly refusals: string } {
  if (after === undefined) return { acts: '+', refusals: '+' };
  const match = /^(\d{1,20}-\d{1,20})(r?)$/.exec(after);
  const id = match?.[1];
  if (id === undefined)
    throw new CertfleetError('invalid-argument', 'after: expected the `next` value of an earlier page');
  return { acts: `(${id}`, refusals: match?.[2] === refusalMark ? `(${id}` : id };
}

/** Positive when `a` is listed before `b`. */
function compareIds(a: string, b: string): number {
  const [aMs = 0n, aSequence = 0n] = numbersOf(a);
  const [bMs = 0n, bSequence = 0n] = numbersOf(b);
  if (aMs !== bMs) return aMs > bMs ? 1 : -1;
  if (aSequence !== bSequence) return aSequence > bSequence ? 1 : -1;
  return Number(b.endsWith(refusalMark)) - Number(a.endsWith(refusalMark));
}

const numbersOf = (id: string): bigint[] => id.replace(refusalMark, '').split('-').map(BigInt);

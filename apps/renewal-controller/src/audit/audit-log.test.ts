import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import type { AuditEntry } from '@certfleet/operator-api/audit.ts';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { AuditLog } from './audit-log.ts';
import type { LastingAudit, StoredEntry } from './lasting-audit.ts';

let server: RedisServer;
let redis: RedisClient;

before(async () => {
  server = await startRedisServer();
  redis = createRedis({ url: server.url }, 'commands', 'test');
  await redis.connect();
});
after(async () => {
  redis.disconnect();
  await server.stop();
});

const started: AuditLog[] = [];
afterEach(() => {
  for (const audit of started.splice(0)) audit.stop();
});

/** Keeps entries in memory, as the API server does with Events. */
class KeptEntries implements LastingAudit {
  readonly entries: StoredEntry[] = [];

  record(entry: StoredEntry): void {
    this.entries.push(entry);
  }

  read(): Promise<readonly StoredEntry[]> {
    return Promise.resolve(this.entries);
  }
}

function startAudit(
  lasting?: LastingAudit,
  cluster?: string,
): {
  audit: AuditLog;
  clock: ManualClock;
  log: string[];
  sizes: () => Promise<number[]>;
  lose: () => Promise<unknown>;
} {
  const keys = redisKeys(`t-${randomUUID()}`);
  const clock = new ManualClock(0);
  const log: string[] = [];
  const audit = new AuditLog({
    redis,
    keys,
    clock,
    log: createLogger(2, { write: (line: string) => void log.push(line) }),
    announce: () => Promise.resolve(),
    cluster,
    ...(lasting !== undefined && { lasting }),
  });
  started.push(audit);
  const sizes = (): Promise<number[]> => Promise.all([redis.xlen(keys.audit), redis.xlen(keys.auditRefusals)]);
  const lose = (): Promise<unknown> => redis.del(keys.audit, keys.auditRefusals);
  return { audit, clock, log, sizes, lose };
}

/** A line of the log. */
interface Logged {
  readonly audit: { readonly cluster?: string };
}

const pause = { who: 'jane', action: 'pause', target: 'lane ca', reason: 'maintenance' } as const;

async function entriesOf(audit: AuditLog): Promise<readonly AuditEntry[]> {
  return (await audit.page({ limit: 100 })).entries;
}

describe('AuditLog', () => {
  test('names the cluster in each entry, log line and lasting entry', async () => {
    const recorded: StoredEntry[] = [];
    const lasting = { record: (entry: StoredEntry) => void recorded.push(entry), read: () => Promise.resolve([]) };
    const { audit, log } = startAudit(lasting, 'prod-eu');
    await audit.around(pause, () => Promise.resolve({ value: undefined }));
    await audit.write(pause);
    await audit.refused({ who: 'joe', action: 'renew', target: 'everything' });
    const named = [...(await entriesOf(audit)), ...recorded, ...log.map((line) => (JSON.parse(line) as Logged).audit)];
    assert.deepEqual(
      named.map(({ cluster }) => cluster),
      Array.from({ length: 3 + 3 + 4 }, () => 'prod-eu'),
    );
  });

  test('records an action before it runs and replaces the entry by its outcome', async () => {
    const { audit } = startAudit();
    let during: readonly AuditEntry[] = [];
    await audit.around(pause, async () => {
      during = await entriesOf(audit);
      return { value: undefined, detail: '3 volumes' };
    });
    assert.deepEqual(
      during.map(({ who, outcome }) => [who, outcome]),
      [['jane', 'started']],
    );
    const [entry, ...more] = await entriesOf(audit);
    assert.deepEqual([entry?.outcome, entry?.detail, entry?.at, more], ['done', '3 volumes', during[0]?.at, []]);
  });

  test('records the error of a failed action, without the text of an unexpected error', async () => {
    const { audit, log } = startAudit();
    const failing = (error: Error): Promise<unknown> => audit.around(pause, () => Promise.reject(error));
    await assert.rejects(failing(new CertfleetError('not-found', 'there is no lane')), { code: 'not-found' });
    await assert.rejects(failing(new Error('secret path')), /secret path/);
    assert.deepEqual(
      (await entriesOf(audit)).map(({ outcome, detail }) => [outcome, detail]),
      [
        ['failed', 'internal error'],
        ['failed', 'there is no lane'],
      ],
    );
    assert.ok(!log.join('').includes('secret path'));
  });

  test('runs and logs an action when Redis cannot store the entry', async () => {
    const log: string[] = [];
    const away = createRedis({ url: 'redis://127.0.0.1:1' }, 'commands', 'away');
    away.on('error', () => undefined);
    const audit = new AuditLog({
      redis: away,
      keys: redisKeys('t'),
      log: createLogger(2, { write: (line: string) => void log.push(line) }),
      announce: () => Promise.resolve(),
    });
    assert.equal(await audit.around(pause, () => Promise.resolve({ value: 7 })), 7);
    assert.equal(log.filter((line) => line.includes('"msg":"audit"')).length, 1);
    assert.equal(log.filter((line) => line.includes('"msg":"audit outcome"')).length, 1);
    away.disconnect();
  });

  test('limits and counts refusals without displacing actions', async () => {
    const { audit, clock, sizes } = startAudit();
    await audit.around(pause, () => Promise.resolve({ value: undefined }));
    for (let i = 0; i < 1_000; i += 1) {
      await audit.refused({ who: 'mallory', action: 'access', target: 'POST /renewals' });
      await audit.refused({ who: 'mallory', action: 'access', target: `GET /${i}` });
      await audit.refused({ who: `unknown at 192.0.2.${i}`, action: 'sign-in', target: 'session' });
    }
    assert.deepEqual(await sizes(), [1, 30]);
    await clock.advance(60_000);
    await audit.refused({ who: 'joe', action: 'access', target: 'POST /renewals' });
    const [latest] = await entriesOf(audit);
    assert.deepEqual([latest?.who, latest?.outcome], ['joe', 'refused']);
    assert.match(latest?.detail ?? '', /29\d\d other refusals/);
  });

  test('pages continue after the previous one, across actions and refusals', async () => {
    const { audit } = startAudit();
    for (let i = 0; i < 12; i += 1) {
      await audit.write({ ...pause, target: `lane ${i}` });
      await audit.refused({ who: `user ${i}`, action: 'access', target: 'GET /' });
    }
    const all = await entriesOf(audit);
    const paged: AuditEntry[] = [];
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = await audit.page({ limit: 5, ...(after !== '' && { after }) });
      paged.push(...page.entries);
      after = page.next;
    }
    assert.equal(all.length, 24);
    assert.deepEqual(paged, all);
    await assert.rejects(audit.page({ limit: 5, after: 'x' }), { code: 'invalid-argument' });
  });

  test('restores what Redis has lost from where it lasts, once, with the original times', async () => {
    const kept = new KeptEntries();
    const { audit, lose, sizes } = startAudit(kept);
    await audit.around(pause, () => Promise.resolve({ value: undefined, detail: '3 volumes' }));
    await audit.write({ who: 'joe', action: 'renew', target: 'namespace=shop' });
    await audit.refused({ who: 'mallory', action: 'access', target: 'POST /renewals' });
    const before = await entriesOf(audit);
    await audit.restore();
    assert.deepEqual(await entriesOf(audit), before);
    await lose();
    await Promise.all([audit.restore(), audit.restore()]);
    // Entries of one millisecond may change their order.
    const strip = (entries: readonly AuditEntry[]): unknown =>
      entries.map((entry) => JSON.stringify({ ...entry, id: '' })).sort();
    assert.deepEqual(strip(await entriesOf(audit)), strip(before));
    assert.deepEqual(await sizes(), [2, 1]);
  });

  test('adds a lost entry that is older than the last one with its own time', async () => {
    const kept = new KeptEntries();
    const { audit, lose } = startAudit(kept);
    await audit.write(pause);
    const [lost] = await entriesOf(audit);
    await lose();
    await audit.write({ ...pause, action: 'resume' });
    await audit.restore();
    const entries = await entriesOf(audit);
    assert.deepEqual(entries.map(({ action }) => action).sort(), ['pause', 'resume']);
    assert.equal(entries.find(({ action }) => action === 'pause')?.at, lost?.at);
  });

  test('tries to restore again after a growing delay, until it succeeds or is stopped', async () => {
    const kept = new KeptEntries();
    let reads = 0;
    let isAway = true;
    const read = (): Promise<readonly StoredEntry[]> => {
      reads += 1;
      return isAway ? Promise.reject(new CertfleetError('unavailable', 'no API server')) : kept.read();
    };
    const { audit, clock, lose, sizes } = startAudit({ record: (entry) => kept.record(entry), read });
    await audit.write(pause);
    await lose();
    await audit.restore();
    assert.equal(reads, 1);
    for (const [seconds, expected] of [
      [5, 2],
      [5, 2],
      [5, 3],
      [19, 3],
    ] as const) {
      await clock.advance(seconds * 1000);
      assert.equal(reads, expected);
    }
    isAway = false;
    await clock.advance(1000);
    assert.equal(reads, 4);
    await audit.restore();
    assert.deepEqual(await sizes(), [1, 0]);
    assert.equal(clock.timers, 0);
    isAway = true;
    await audit.restore();
    assert.equal(clock.timers, 1);
    audit.stop();
    await audit.restore();
    assert.equal(clock.timers, 0);
  });

  test('restores what an outage of Redis left out as soon as Redis is back, however long the delay', async (t) => {
    const own = createRedis({ url: server.url }, 'commands', 'outage');
    t.after(() => own.disconnect());
    await own.connect();
    const { promise: announced, resolve } = Promise.withResolvers<void>();
    const [keys, clock] = [redisKeys(`t-${randomUUID()}`), new ManualClock(0)];
    const audit = new AuditLog({
      ...{ redis: own, keys, clock, log: createLogger(0, { write: () => undefined }), lasting: new KeptEntries() },
      announce: () => {
        resolve();
        return Promise.resolve();
      },
    });
    t.after(() => audit.stop());
    const ended = once(own, 'end');
    own.disconnect();
    await ended;
    await audit.write(pause);
    // Attempts during the outage fail and make the delay longer.
    await audit.restore();
    await audit.restore();
    await own.connect();
    await announced;
    assert.equal(await redis.xlen(keys.audit), 1);
    assert.equal(clock.timers, 0);
  });

  test('does not repeat a refused action that Redis still has', async () => {
    const kept = new KeptEntries();
    const { audit, sizes } = startAudit(kept);
    // Of an object that is invalid: it is listed among the actions.
    await audit.write({ who: 'kubectl', action: 'renew', target: 'renewal r-1', outcome: 'refused' });
    await audit.restore();
    assert.deepEqual(await sizes(), [1, 0]);
  });

  test('adds what an object says only if the action is not recorded otherwise', async () => {
    const kept = new KeptEntries();
    const { audit, sizes } = startAudit(kept);
    const at = '2026-01-01T00:00:00.000Z';
    await audit.write({ who: 'joe', action: 'renew', target: 'namespace=shop', detail: '3 volumes; renewal r-1' });
    kept.record({ who: 'joe', action: 'renew', target: 'renewal r-1', detail: 'renewal r-1', at, uid: 'object-1' });
    kept.record({ who: 'joe', action: 'renew', target: 'renewal r-2', detail: 'renewal r-2', at, uid: 'object-2' });
    await audit.restore();
    await audit.restore();
    assert.deepEqual(await sizes(), [2, 0]);
    assert.deepEqual((await entriesOf(audit)).map(({ detail }) => detail).sort(), [
      '3 volumes; renewal r-1',
      'renewal r-2',
    ]);
  });

  test('keeps the times of later entries when a restored one is of the future', async () => {
    const kept = new KeptEntries();
    const { audit } = startAudit(kept);
    // By the wrong clock of a replica without Redis, or by somebody else who may write Events.
    kept.record({ ...pause, uid: 'future', at: '2999-01-01T00:00:00.000Z' });
    await audit.restore();
    await audit.write({ ...pause, action: 'resume' });
    const entries = await entriesOf(audit);
    assert.deepEqual(
      entries.map(({ action }) => action),
      ['resume', 'pause'],
    );
    assert.ok(entries.every(({ action, at }) => action === 'pause' || Date.parse(at) < Date.parse('2999-01-01')));
  });

  test('bounds the size of an entry', async () => {
    const { audit } = startAudit();
    const long = 'x'.repeat(1_000_000);
    await audit.write({ who: long, action: 'renew', target: long, reason: long, detail: long });
    await audit.refused({ who: long, action: 'access', target: long, detail: long });
    for (const entry of await entriesOf(audit)) assert.ok(JSON.stringify(entry).length < 4_096);
  });

  test('finds entries by person, action, target and time, also behind many others, and continues a page', async () => {
    const { audit } = startAudit();
    await audit.write({ ...pause, detail: 'first; renewal r-1' });
    await audit.refused({ who: 'Mallory', action: 'access', target: 'GET /api/v1/volumes' });
    for (let i = 0; i < 250; i += 1) await audit.write({ who: 'joe', action: 'export', target: `volumes ${i}` });
    const found = async (filter: object): Promise<readonly string[]> =>
      (await audit.all(filter)).map(({ who, action }) => `${who} ${action}`);
    assert.deepEqual(await found({ who: 'JAN' }), ['jane pause']);
    assert.deepEqual(await found({ action: 'access' }), ['Mallory access']);
    assert.deepEqual(await found({ target: 'R-1' }), ['jane pause']);
    assert.deepEqual(await found({ target: 'maintenance', who: 'joe' }), []);
    assert.equal((await found({})).length, 252);
    assert.deepEqual(await found({ until: '2000-01-01T00:00:00Z' }), []);
    assert.equal((await found({ since: '2000-01-01T00:00:00Z', action: 'export' })).length, 250);
    const first = await audit.page({ limit: 3, target: 'volumes 2' });
    const second = await audit.page({ limit: 3, target: 'volumes 2', after: first.next ?? '' });
    assert.deepEqual(
      [...first.entries, ...second.entries].map(({ target }) => target),
      [249, 248, 247, 246, 245, 244].map((i) => `volumes ${i}`),
    );
  });
});

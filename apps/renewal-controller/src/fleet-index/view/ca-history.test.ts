import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../../e2e/support/redis-server.ts';
import { createRedis } from '../../redis/create-redis.ts';
import type { RedisClient } from '../../redis/create-redis.ts';
import { redisKeys } from '../../redis/redis-keys.ts';
import type { IndexedVolume } from '../model/indexed-volume.ts';
import { CaHistory, caHistoryHours, caHistoryWork, countCas } from './ca-history.ts';

const hourMs = 3_600_000;
const log = createLogger(0, { write: () => undefined });

/** Volumes with these CAs; empty for a volume without a certificate. */
const volumesOf = (...cas: readonly (readonly string[])[]): readonly IndexedVolume[] =>
  cas.map((caFingerprints) =>
    caFingerprints.length === 0 ? {} : { certificate: { caFingerprints } },
  ) as unknown as readonly IndexedVolume[];

describe('CaHistory', () => {
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

  const fresh = () => {
    const keys = redisKeys(`t-${randomUUID()}`);
    return { key: keys.caHistory, history: new CaHistory(redis, keys) };
  };
  const serverHour = async (): Promise<number> => Math.floor((Number((await redis.time())[0]) * 1000) / hourMs);

  test('counts a volume once for each certificate of its CA', () => {
    const { volumes, cas } = countCas(volumesOf(['root', 'sub'], ['root', 'root'], []));
    assert.equal(volumes, 3);
    assert.deepEqual(Object.fromEntries(cas), { root: 2, sub: 1 });
  });

  test('keeps the last counts of an hour, and a week of hours', async () => {
    const { key, history } = fresh();
    const startHour = await serverHour();
    const counts = '{"volumes":4,"cas":{"old":4}}';
    const hours = [-1, -(caHistoryHours - 2), -(caHistoryHours + 1), 3].map((each) => startHour + each);
    await redis.hset(key, 'text', counts);
    for (const hour of hours) await redis.hset(key, String(hour), counts);
    await history.record(countCas(volumesOf(['old'], ['old'], ['new'])));
    await history.record(countCas(volumesOf(['old'], ['new'], ['new'])));
    const kept = await history.hours();
    const latest = kept.at(-1);
    // The hour may have ended meanwhile.
    const passed = (latest?.fromMs ?? 0) / hourMs - startHour;
    assert.ok(passed === 0 || passed === 1);
    const old = kept.filter(({ fromMs }) => fromMs < startHour * hourMs).map(({ fromMs }) => fromMs / hourMs);
    assert.deepEqual(old, [hours[1], hours[0]]);
    assert.deepEqual([latest?.volumes, Object.fromEntries(latest?.cas ?? [])], [3, { old: 1, new: 2 }]);
    const leftMs = await redis.pttl(key);
    assert.ok(leftMs > 0 && leftMs <= caHistoryHours * hourMs);
  });

  test('keeps the 50 largest CAs of an hour', async () => {
    const { history } = fresh();
    const cas = Array.from({ length: 80 }, (_, i) => [`ca-${String(i).padStart(2, '0')}`, i] as const);
    await history.record({ volumes: 1_000, cas: new Map(cas) });
    const kept = [...((await history.hours()).at(-1)?.cas ?? [])].sort(([, a], [, b]) => a - b);
    assert.equal(kept.length, 50);
    assert.deepEqual(kept[0], ['ca-30', 30]);
  });

  test('ignores counts that it does not understand', async () => {
    const { key, history } = fresh();
    await redis.hset(key, { 1: '{', 2: '{"volumes":"x","cas":{}}', 3: '{"volumes":2,"cas":{"a":1,"b":"x"}}' });
    const [only, ...others] = await history.hours();
    assert.deepEqual([only?.fromMs, only?.volumes, [...(only?.cas ?? [])]], [3 * hourMs, 2, [['a', 1]]]);
    assert.deepEqual(others, []);
  });
});

describe('caHistoryWork', () => {
  /** Records into a list. */
  function start(isCurrent: boolean, volumes: readonly IndexedVolume[]) {
    const clock = new ManualClock();
    const recorded: number[] = [];
    const index = { isCurrent, view: { volumes: () => volumes } };
    const fake: Pick<CaHistory, 'record'> = {
      record: (counts) => {
        recorded.push(counts.volumes);
        return Promise.resolve();
      },
    };
    const work = caHistoryWork({ history: fake, index, clock, log });
    work.start();
    return { clock, recorded, stop: () => work.stop() };
  }

  test('records every five minutes until it is stopped', async () => {
    const { clock, recorded, stop } = start(true, volumesOf(['a']));
    await clock.advance(5 * 60_000);
    await clock.advance(5 * 60_000);
    assert.deepEqual(recorded, [1, 1]);
    await stop();
    await clock.advance(60 * 60_000);
    assert.equal(recorded.length, 2);
    assert.equal(clock.timers, 0);
  });

  test('learns the names of the counted CAs, also before Redis answers', async () => {
    const clock = new ManualClock();
    const learned: string[] = [];
    const work = caHistoryWork({
      history: { record: () => Promise.reject(new Error('Redis is away')) },
      index: { isCurrent: true, view: { volumes: () => volumesOf(['root', 'sub']) } },
      learn: ({ cas }) => Promise.resolve(void learned.push(...cas.keys())),
      ...{ clock, log },
    });
    work.start();
    await clock.advance(5 * 60_000);
    assert.deepEqual(learned.slice(0, 2), ['root', 'sub']);
    await work.stop();
  });

  test('records nothing while the index is not current or empty', async () => {
    for (const [isCurrent, volumes] of [
      [false, volumesOf(['a'])],
      [true, []],
    ] as const) {
      const { clock, recorded, stop } = start(isCurrent, volumes);
      await clock.advance(5 * 60_000);
      assert.deepEqual(recorded, []);
      await stop();
    }
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { indexedVolumeOf } from '../fleet-index/model/indexed-volume.ts';
import type { IndexedVolume } from '../fleet-index/model/indexed-volume.ts';
import { laneIdOf } from '../lanes/lane-id.ts';
import { createRedis } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { IssuanceHistory } from './issuance-history.ts';
import { enrol, reportOf, startReplica, until } from './testing/test-fleet.ts';
import type { VolumeSketch } from './testing/test-fleet.ts';

let server: RedisServer;

const key = { node: 'node-a', volumeId: 'v1' };
const farMs = Date.now() + 3_000_000;

describe('IssuanceHistory', () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());

  test('returns the last ten attempts of a volume, each once although several replicas report it, until the volume is removed', async () => {
    const prefix = `t-${randomUUID()}`;
    const replica = startReplica({ url: server.url, prefix });
    try {
      await until(() => replica.connections.commands.status === 'ready');
      const report = (sketch: Partial<VolumeSketch>): ReturnType<typeof reportOf> =>
        reportOf({ id: 'v1', renewAtMs: farMs, ...sketch });
      const session = await enrol(replica, 'node-a', [report({})]);
      for (let attempts = 1; attempts <= 3; attempts += 1)
        for (let again = 0; again < 2; again += 1) await replica.index.applyDelta(session, [report({ attempts })], []);
      for (let generation = 2; generation <= 9; generation += 1)
        await replica.index.applyDelta(session, [{ ...report({ generation }), lastIssuanceMs: 40 + generation }], []);
      const { history } = replica.dispatcher;
      const attempts = await history.of(key);
      assert.deepEqual(
        attempts.map(({ generation, result }) => `${generation} ${result}`),
        [...[9, 8, 7, 6, 5, 4, 3, 2].map((generation) => `${generation} issued`), '2 failed', '2 failed'],
      );
      assert.equal(attempts[0]?.durationMs, 49);
      assert.deepEqual([attempts[9]?.error, attempts[9]?.path], ['issuer unavailable', 'deadline']);
      await replica.index.applyDelta(session, [], ['v1']);
      assert.deepEqual(await history.of(key), []);
      assert.equal(await replica.connections.commands.exists(redisKeys(prefix).history('node-a')), 0);
    } finally {
      await replica.stop();
    }
  });

  test('counts renewals, failures and durations by issuer, within a limit of issuers', async () => {
    const redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
    try {
      const keys = redisKeys(`t-${randomUUID()}`);
      const clock = new ManualClock(Date.parse('2026-03-01T12:30:00Z'));
      const issuances = new IssuanceHistory(redis, keys, clock);
      await redis.hset(keys.volumes('node-a'), 'v1', 'known');
      const at = (generation: number, lastIssuanceMs: number, attempts = 0): IndexedVolume => {
        const sketch = { id: 'v1', generation, attempts, notBeforeMs: clock.now(), failedAtMs: clock.now() };
        return { ...indexedVolumeOf('node-a', reportOf(sketch)), cause: 2, lastIssuanceMs };
      };
      const record = async (previous: IndexedVolume, current: IndexedVolume): Promise<void> =>
        await issuances.record([{ previous, current, wasStarted: true, wasRequested: false }]);
      // 98 short issuances, a long one, one beyond every bound, and a failed attempt.
      for (let i = 1; i <= 100; i += 1) await record(at(i, 0), at(i + 1, i === 99 ? 3_000 : i === 100 ? 1e9 : 35));
      await record(at(101, 0), at(101, 0, 1));
      const { issuer } = at(1, 0);
      const { hours, latency } = await issuances.ofIssuer(laneIdOf(issuer), 2);
      assert.deepEqual(
        hours.map(({ renewed, failed }) => [renewed, failed]),
        [
          [0, 0],
          [100, 1],
        ],
      );
      assert.deepEqual(latency, { p50Ms: 40, p99Ms: 3_620 });
      assert.deepEqual(hours[1]?.latency, latency);
      const key = keys.doneByIssuer(Math.floor(clock.now() / 3_600_000));
      for (let i = await redis.hlen(key); i < 5_000; i += 500)
        await redis.hset(key, Object.fromEntries(Array.from({ length: 500 }, (_, j) => [`${i}-${j}`, 1])));
      const before = await redis.hlen(key);
      await record(at(101, 0), { ...at(102, 1), issuer: { ...issuer, name: 'one-too-many' } });
      await record(at(102, 0), at(103, 35));
      assert.equal(await redis.hlen(key), before);
      assert.equal((await issuances.ofIssuer(laneIdOf(issuer), 1)).hours[0]?.renewed, 101);
    } finally {
      redis.disconnect();
    }
  });

  test('counts renewals per hour and path, and an attempt that two replicas report once', async () => {
    const prefix = `t-${randomUUID()}`;
    const replica = startReplica({ url: server.url, prefix }, false);
    try {
      const redis = replica.connections.commands;
      await until(() => redis.status === 'ready');
      const stateOf = (generation: number, cause: IndexedVolume['cause']): IndexedVolume => ({
        ...indexedVolumeOf('node-a', reportOf({ id: 'v1', generation, notBeforeMs: Date.now() - 1_000 })),
        cause,
      });
      const mounted = stateOf(1, 1);
      const job = stateOf(2, 2);
      const deadline = stateOf(3, 3);
      await redis.hset(redisKeys(prefix).volumes('node-a'), 'v1', 'known');
      const [one, other] = [0, 1].map(() => new IssuanceHistory(redis, redisKeys(prefix), systemClock));
      const flags = { wasStarted: true, wasRequested: false };
      const attempts = [
        { previous: undefined, current: mounted, ...flags },
        { previous: mounted, current: job, ...flags },
        { previous: job, current: deadline, ...flags, wasStarted: false },
      ];
      await one?.record(attempts);
      await other?.record(attempts);
      const hours = (await one?.done(48)) ?? [];
      assert.equal(hours.length, 48);
      const sum = (of: 'renewed' | 'failed' | 'byController' | 'byDeadline'): number =>
        hours.reduce((total, hour) => total + hour[of], 0);
      assert.deepEqual([sum('renewed'), sum('byController'), sum('byDeadline'), sum('failed')], [2, 1, 1, 0]);
      // Ten attempts of every volume should fit into a few hundred bytes.
      const bytes = (await redis.hget(redisKeys(prefix).history('node-a'), 'v1'))?.length ?? 0;
      assert.ok(bytes / 3 < 24, `an attempt takes ${bytes / 3} bytes`);
    } finally {
      await replica.stop();
    }
  });
});

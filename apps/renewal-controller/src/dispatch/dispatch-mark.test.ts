import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { silentLogger, startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica } from './testing/test-fleet.ts';
import { createRedis } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { DispatchMark } from './dispatch-mark.ts';

let server: RedisServer;

describe('DispatchMark', () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());

  test('a replica without policies knows whether another one dispatches renewals, and since when none does', async (t) => {
    const prefix = `t-${randomUUID()}`;
    const start = (isDispatching: boolean): TestReplica => {
      const replica = startReplica({ url: server.url, prefix }, isDispatching);
      t.after(() => replica.stop());
      return replica;
    };
    const closed = start(false);
    await until(() => closed.connections.commands.status === 'ready');
    const standstill = (limitMs?: number) => closed.dispatcher.mark.standstill(limitMs);
    assert.deepEqual(await standstill(), { sinceMs: undefined });
    const beforeMs = Date.now();
    const open = start(true);
    await until(async () => (await standstill()) === undefined);
    assert.equal(await open.dispatcher.mark.standstill(0), undefined, 'it dispatches itself');
    await open.stop();
    // The mark counts for half a minute; with a limit of 0 ms it is outdated at once.
    assert.equal(await standstill(), undefined);
    const { sinceMs = 0 } = (await standstill(0)) ?? {};
    assert.ok(sinceMs >= beforeMs - 1_000 && sinceMs <= Date.now(), `${sinceMs}`);
  });

  test('a mark that does not change is outdated, although the clock of Redis was set back since', async (t) => {
    const redis = createRedis({ url: server.url }, 'commands', 'test');
    t.after(() => redis.disconnect());
    await redis.connect();
    const keys = redisKeys(`t-${randomUUID()}`);
    const clock = new ManualClock();
    const mark = new DispatchMark({ redis, keys, clock, logger: silentLogger });
    const aheadMs = Date.now() + 3_600_000;
    await redis.set(keys.dispatched, aheadMs);
    assert.equal(await mark.standstill(), undefined);
    await clock.advance(29_999);
    assert.equal(await mark.standstill(), undefined);
    await clock.advance(1);
    assert.deepEqual(await mark.standstill(), { sinceMs: clock.now() - 30_000 });
    await redis.set(keys.dispatched, aheadMs + 1);
    assert.equal(await mark.standstill(), undefined, 'a replica that dispatches changes it');
  });
});

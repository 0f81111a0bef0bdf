import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica } from './testing/test-fleet.ts';

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
});

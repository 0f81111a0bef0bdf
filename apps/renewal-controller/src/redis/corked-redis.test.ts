import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { CorkedRedis } from './corked-redis.ts';
import { createRedis } from './create-redis.ts';

describe('CorkedRedis', () => {
  let server: RedisServer;
  let redis: CorkedRedis;
  before(async () => {
    server = await startRedisServer();
    const client = createRedis({ url: server.url }, 'commands', 'test');
    assert.ok(client instanceof CorkedRedis);
    redis = client;
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  const reads = async (): Promise<number> => Number(/total_reads_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);

  test('sends the commands of one turn in one write, including those after resolved promises', async () => {
    const before = await reads();
    const later = async (i: number): Promise<string> => {
      await Promise.resolve();
      return await redis.set(`later-${i}`, 'x');
    };
    await Promise.all(Array.from({ length: 50 }, (_, i) => [redis.set(`now-${i}`, 'x'), later(i)]).flat());
    // One read for them, one for this query.
    assert.equal((await reads()) - before, 2);
  });

  test('sends commands of a lost connection over the next one', async () => {
    const pending = [redis.set('a', '1'), redis.set('b', '2')];
    redis.stream.destroy();
    assert.deepEqual(await Promise.all(pending), ['OK', 'OK']);
    assert.equal(await redis.get('b'), '2');
  });
});

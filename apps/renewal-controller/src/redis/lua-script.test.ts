import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from './create-redis.ts';
import type { RedisClient } from './create-redis.ts';
import { defineScript } from './lua-script.ts';

describe('defineScript', () => {
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

  const script = defineScript({
    keys: ['source', 'target'],
    args: { label: 'string', limit: 'number', untilMs: 'number?' },
    hasRest: true,
    prelude: ['local function nameOf() return source end\n'],
    body: `
local others = {}
for i = restAt, #ARGV do others[#others + 1] = ARGV[i] end
return {nameOf(), target, label, limit + 1, untilMs == nil and 'none' or untilMs, others}`,
  });

  test('passes keys and arguments by name, whatever their order', async () => {
    const keys = { target: 'b', source: 'a', unused: 'c' };
    const call = { keys, args: { untilMs: undefined, limit: 2, label: '7' }, rest: ['x', 5] };
    assert.deepEqual(await script.run(redis, call), ['a', 'b', '7', 3, 'none', ['x', '5']]);
    const bounded = { ...call, args: { ...call.args, untilMs: 12 }, rest: [] };
    assert.deepEqual(await script.run(redis, bounded), ['a', 'b', '7', 3, 12, []]);
  });

  test('makes a missing name or a wrong type a compile error', () => {
    const keys = { source: 'a', target: 'b' };
    const args = { label: 'x', limit: 1, untilMs: undefined };
    const wrong = (): unknown => [
      // @ts-expect-error -- a key is missing
      script.run(redis, { keys: { source: 'a' }, args, rest: [] }),
      // @ts-expect-error -- an argument is missing
      script.run(redis, { keys, args: { label: 'x', limit: 1 }, rest: [] }),
      // @ts-expect-error -- an argument has the wrong type
      script.run(redis, { keys, args: { ...args, limit: '1' }, rest: [] }),
      // @ts-expect-error -- the unnamed arguments are missing
      script.run(redis, { keys, args }),
    ];
    assert.equal(typeof wrong, 'function');
  });
});

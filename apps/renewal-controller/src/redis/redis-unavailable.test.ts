import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from './create-redis.ts';
import { isRedisUnavailable } from './redis-unavailable.ts';

let server: RedisServer;
before(async () => {
  server = await startRedisServer();
});
after(() => server.stop());

const failureOf = (command: Promise<unknown>): Promise<unknown> =>
  command.then(
    () => assert.fail('expected a failure'),
    (error: unknown) => error,
  );

test('knows a command that finds no Redis, and one that loses it', async () => {
  const client = createRedis({ url: server.url }, 'commands', 'test');
  client.on('error', () => undefined);
  try {
    await client.connect();
    const lost = failureOf(client.blpop('nothing', 60));
    await server.kill();
    for (const error of [await lost, await failureOf(client.get('key'))])
      assert.ok(isRedisUnavailable(error), String(error));
  } finally {
    client.disconnect();
    await server.start();
  }
});

test('knows a Redis that does not answer', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const client = new Redis({ port, commandTimeout: 50, enableReadyCheck: false, disableClientInfo: true });
  client.on('error', () => undefined);
  try {
    const error = await failureOf(client.get('key'));
    assert.ok(isRedisUnavailable(error), String(error));
  } finally {
    client.disconnect();
    silent.close();
  }
});

test('does not take a refusal, or an error of our own, for an absence', async () => {
  const client = createRedis({ url: server.url }, 'commands', 'test');
  try {
    await client.connect();
    await client.set('text', 'value');
    assert.equal(isRedisUnavailable(await failureOf(client.hgetall('text'))), false);
    assert.equal(isRedisUnavailable(new TypeError('x is not a function')), false);
    assert.equal(isRedisUnavailable('Connection is closed.'), false);
  } finally {
    client.disconnect();
  }
});

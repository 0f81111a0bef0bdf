import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Queue } from 'bullmq';
import { systemClock } from '@certfleet/shared/clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import { dueQueueName, redisKeys } from '../redis/redis-keys.ts';
import { DueWorker } from './due-worker.ts';
import type { DueResult } from './due-worker.ts';

const anHourMs = 3_600_000;

/** Lets one job come to a worker until it has been given each result in turn; answers those that it was given. */
async function come(results: readonly DueResult[]): Promise<readonly DueResult[]> {
  const server = await startRedisServer();
  const keys = redisKeys(`t-${randomUUID()}`);
  const redis = createRedis({ url: server.url }, 'worker', 'test');
  const queue = new Queue(dueQueueName, { connection: { port: server.port }, prefix: keys.controller });
  const { promise: isLast, resolve } = Promise.withResolvers<undefined>();
  const given: DueResult[] = [];
  const worker = new DueWorker({
    redis,
    keys,
    clock: systemClock,
    logger: createLogger(0, { write: () => undefined }),
    concurrency: 1,
    process: () => {
      const result = results[given.length] ?? { done: true };
      given.push(result);
      if (given.length === results.length) resolve(undefined);
      return Promise.resolve(result);
    },
  });
  try {
    await queue.add('r', { n: 'node', v: 'volume' }, { jobId: 'r-1' });
    await isLast;
    return given;
  } finally {
    await worker.stop();
    await queue.close();
    redis.disconnect();
    await server.stop();
  }
}

test('a job whose lane called it before its wait had begun comes again at once, not in an hour', async () => {
  const wait = { done: false, waitMs: anHourMs } as const;
  const results: readonly DueResult[] = [{ ...wait, promotionDelayMs: () => Promise.resolve(0) }, { done: true }];
  assert.deepEqual(await come(results), results);
});

test('a job whose slot moved up before its wait had begun comes at the new time', async () => {
  const wait = { done: false, waitMs: anHourMs } as const;
  const results: readonly DueResult[] = [{ ...wait, promotionDelayMs: () => Promise.resolve(20) }, { done: true }];
  assert.deepEqual(await come(results), results);
});

test('a job that has to wait comes again until it is done', async () => {
  const again = { done: false, waitMs: 1 } as const;
  assert.equal((await come([again, again, { done: true }])).length, 3);
});

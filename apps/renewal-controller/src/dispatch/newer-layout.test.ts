import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { enrol, reportOf, startReplica, until } from './testing/test-fleet.ts';

describe('RenewalDispatcher during a rolling upgrade', () => {
  test('leaves records and jobs of a newer release unchanged until a replica supports them', async (t) => {
    const server = await startRedisServer();
    t.after(() => server.stop());
    const replica = startReplica({ url: server.url, prefix: 't' }, false);
    t.after(() => replica.stop());
    const redis = replica.connections.commands;
    const keys = redisKeys('t');
    await until(() => redis.status === 'ready');
    const ids = ['array', 'object', 'text'];
    await enrol(
      replica,
      'node-a',
      [...ids, 'known'].map((id) => reportOf({ id })),
    );
    const known = (await redis.hget(keys.volumes('node-a'), 'array')) ?? '';
    const newer = { array: known.replace(/^\[1,/, '[2,'), object: '{"layout":3}', text: '\u0001binary' };
    await redis.hset(keys.volumes('node-a'), newer);
    await redis.hset(keys.nodes, 'node-a', '{"agentVersion":7}');
    replica.dispatcher.start();
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
    // Each was processed and delayed.
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 3);
    assert.deepEqual(await redis.hmget(keys.volumes('node-a'), ...ids), Object.values(newer));
    // The view contains the known records, and loads despite the others.
    await until(() => replica.follower.isCurrent);
    // After a downgrade, the next snapshot replaces the newer records, and their renewals are dispatched.
    await enrol(
      replica,
      'node-a',
      [...ids, 'known'].map((id) => reportOf({ id })),
    );
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 4);
  });
});

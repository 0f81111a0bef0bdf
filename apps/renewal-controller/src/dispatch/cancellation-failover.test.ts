import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { RenewalJob } from '@certfleet/fleet-model/node-job.ts';
import { Worker } from 'bullmq';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { nodeQueueName, nodeQueuePrefix, redisKeys } from '../redis/redis-keys.ts';
import { enrol, reportOf, requestRenewal, startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica } from './testing/test-fleet.ts';

type Command = Parameters<RedisClient['sendCommand']>[0];
type Saved = readonly (readonly [key: string, value: Buffer, lifetimeMs: number])[];

const by = { by: 'alice', reason: 'the CA moves' };

/** The data of a Redis to which a failover returns. */
async function save(redis: RedisClient): Promise<Saved> {
  const keys = await redis.keys('*');
  return await Promise.all(
    keys.map(async (key) => [key, await redis.dumpBuffer(key), Math.max(0, await redis.pttl(key))] as const),
  );
}

async function failOver(redis: RedisClient, saved: Saved): Promise<void> {
  const failover = redis.multi().flushall();
  for (const [key, value, lifetimeMs] of saved) failover.restore(key, lifetimeMs, value);
  await failover.exec();
}

/** Calls `before` before a client sends its command of this number, counted from now. @returns the number of commands */
function beforeCommand(redis: RedisClient, number: number, act: () => Promise<void>): () => number {
  const send = redis.sendCommand.bind(redis) as (command: Command) => Promise<unknown>;
  let sent = 0;
  let acting = Promise.resolve();
  redis.sendCommand = (command: Command): Promise<unknown> => {
    sent += 1;
    if (sent === number) acting = act();
    return acting.then(() => send(command));
  };
  return () => {
    redis.sendCommand = send as RedisClient['sendCommand'];
    return sent;
  };
}

describe('a cancellation during a failover', () => {
  let server: RedisServer;
  const prefix = `t-${randomUUID()}`;
  const keys = redisKeys(prefix);
  const node = { name: nodeQueueName, prefix: nodeQueuePrefix(prefix, 'node-a') };
  /** The renewals that the agent of the node has not begun. */
  const queue = `${node.prefix}:${node.name}:prioritized`;

  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());

  async function replica(isDispatching: boolean): Promise<TestReplica> {
    const started = startReplica({ url: server.url, prefix }, isDispatching);
    await until(() => started.connections.commands.status === 'ready');
    return started;
  }

  /** Renewals on request in the queue of a node. @returns the bulk renewal */
  async function dispatch(volumes: number): Promise<string> {
    const dispatching = await replica(true);
    await dispatching.connections.commands.flushall();
    const dueMs = Date.now() + 3_600_000;
    const ids = Array.from({ length: volumes }, (_, i) => `v${i}`);
    const reports = ids.map((id) => reportOf({ id, renewAtMs: dueMs, notAfterMs: dueMs + 3_600_000 }));
    await enrol(dispatching, 'node-a', reports);
    await until(() => dispatching.follower.view.size === volumes);
    const id = await requestRenewal(dispatching, {}, by);
    await until(async () => (await dispatching.connections.commands.zcard(queue)) === volumes);
    await until(async () => (await dispatching.dispatcher.due.counts()).active === 0);
    await dispatching.stop();
    return id;
  }

  /** The agent begins a renewal. @returns its volume */
  async function begin({ connections }: TestReplica): Promise<string> {
    const connection = connections.create('worker', 'agent');
    const agent = new Worker<RenewalJob>(node.name, null, { connection, prefix: node.prefix });
    const { data } = await agent.getNextJob('agent');
    await agent.close();
    return data.volumeId;
  }

  test('leaves the agent only what it has begun, whichever command of it is the first after the failover', async () => {
    const id = await dispatch(3);
    const cancelling = await replica(false);
    const other = await replica(false);
    const redis = other.connections.commands;
    const begun = await begin(other);
    const { bulks } = cancelling.dispatcher;
    const cancel = async (): Promise<void> => {
      await bulks.cancel(id);
      // The job that the cancellation adds.
      await bulks.begin(id, () => Promise.resolve());
    };
    const saved = await save(redis);
    const cancelFailingOver = async (number: number): Promise<number> => {
      const stop = beforeCommand(cancelling.connections.commands, number, () => failOver(redis, saved));
      await cancel();
      return stop();
    };
    const commands = await cancelFailingOver(Infinity);
    assert.ok(commands > 20, `${commands} commands`);
    const wrong: number[] = [];
    for (let number = 1; number <= commands; number += 1) {
      await failOver(redis, saved);
      await cancelFailingOver(number);
      // A replica that sees the loss cancels again what has no object.
      await cancel();
      const { pending } = await bulks.progress(id);
      const started = await redis.zrange(keys.started, 0, '-1');
      // A renewal whose job is already gone remains until the answer timeout.
      const isSound = started.includes(`node-a/${begun}`) && pending === started.length;
      if (!isSound || (await redis.zcard(queue)) > 0) wrong.push(number);
    }
    assert.deepEqual(wrong, []);
    await cancelling.stop();
    await other.stop();
  });

  test('takes back a job that its lane does not know, because a failover was between its admission and its dispatch', async () => {
    const id = await dispatch(1);
    const cancelling = await replica(false);
    const redis = cancelling.connections.commands;
    await redis.del(keys.started, ...(await redis.keys('*:inflight')));
    await cancelling.dispatcher.bulks.cancel(id);
    await cancelling.dispatcher.bulks.begin(id, () => Promise.resolve());
    assert.equal(await redis.zcard(queue), 0);
    assert.equal((await cancelling.dispatcher.bulks.progress(id)).pending, 0);
    await cancelling.stop();
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import type { NodeSession } from '../fleet-index/model/node-session.ts';
import { nodeQueueName, nodeQueuePrefix, redisKeys } from '../redis/redis-keys.ts';
import type { RenewalJob } from '@certfleet/fleet-model/node-job.ts';
import {
  TestAgent,
  enrol,
  pauseLane,
  reportOf,
  requestRenewal,
  resumeLane,
  startReplica,
  until,
} from './testing/test-fleet.ts';
import type { TestReplica, TestReplicaOptions } from './testing/test-fleet.ts';

let server: RedisServer;
const stops: (() => Promise<void>)[] = [];

const ca = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const by = { by: 'alice', reason: 'the CA moves' };
const dayMs = 86_400_000;

async function replicaOf(
  options: Partial<TestReplicaOptions> = {},
): Promise<{ replica: TestReplica; prefix: string; keys: ReturnType<typeof redisKeys> }> {
  const prefix = `t-${randomUUID()}`;
  const replica = startReplica({ url: server.url, prefix, ...options });
  stops.push(() => replica.stop());
  await until(() => replica.connections.commands.status === 'ready');
  return { replica, prefix, keys: redisKeys(prefix) };
}

/** Renewals that a node has not begun, without the deferrals in its queue. */
function renewalsFor({ replica, prefix }: { replica: TestReplica; prefix: string }, node: string): Promise<number> {
  return replica.connections.commands.zcard(`${nodeQueuePrefix(prefix, node)}:${nodeQueueName}:prioritized`);
}

/** Whether the only queued renewal of a node is requested by an operator. */
async function isQueuedAsRequest(
  { replica, prefix }: { replica: TestReplica; prefix: string },
  node: string,
): Promise<boolean> {
  const queue = `${nodeQueuePrefix(prefix, node)}:${nodeQueueName}`;
  const redis = replica.connections.commands;
  const [id = ''] = await redis.zrange(`${queue}:prioritized`, 0, '0');
  const data = JSON.parse((await redis.hget(`${queue}:${id}`, 'data')) ?? '{}') as { requested?: unknown };
  return data.requested === true;
}

function agentOf(
  { replica, prefix }: { replica: TestReplica; prefix: string },
  node: string,
  answer: (job: RenewalJob) => Promise<void>,
): TestAgent {
  const agent = new TestAgent(replica, prefix, node, answer);
  stops.push(() => agent.stop());
  return agent;
}

function renewing(replica: TestReplica, session: NodeSession): (job: RenewalJob) => Promise<void> {
  return async ({ volumeId, generation }) => {
    const next = reportOf({ id: volumeId, generation: generation + 1, renewAtMs: Date.now() + 600_000 });
    await replica.index.applyDelta(session, [next], []);
  };
}

describe('RenewalDispatcher guards', () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test('recalls jobs that a node has not begun when their lane is paused, and dispatches them after the resume', async () => {
    const context = await replicaOf({ policy: { maxInFlight: 1_000, burst: 100 } });
    const { replica } = context;
    const volumes = [...Array(20).keys()].map((i) => reportOf({ id: `v${i}` }));
    const session = await enrol(replica, 'node-a', [...volumes, reportOf({ id: 'other', issuer: 'other' })]);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 21);
    await pauseLane(replica, ca);
    assert.equal(await renewalsFor(context, 'node-a'), 1);
    const agent = agentOf(context, 'node-a', renewing(replica, session));
    await until(async () => (await replica.dispatcher.lanes.state(ca)).blocked === 20);
    await until(() => agent.jobs.length === 1);
    assert.equal((await replica.dispatcher.lanes.state(ca)).inFlight, 0);
    await resumeLane(replica, ca);
    await until(() => agent.jobs.length === 21);
  });

  test('leaves no job behind if a failover returns it in the middle of a recall', async () => {
    const context = await replicaOf();
    const { replica } = context;
    const { nodeQueues } = replica.dispatcher;
    await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    await until(async () => (await renewalsFor(context, 'node-a')) === 1);
    const queue = `${nodeQueuePrefix(context.prefix, 'node-a')}:${nodeQueueName}`;
    const redis = replica.connections.commands;
    const dumps = await Promise.all(
      (await redis.keys(`${queue}*`)).map(async (key) => [key, await redis.dumpBuffer(key)] as const),
    );
    const remove = nodeQueues.remove.bind(nodeQueues);
    nodeQueues.remove = async (...job) => {
      const isRemoved = await remove(...job);
      // The data of the queue as before the removal.
      if (isRemoved) for (const [key, dump] of dumps.splice(0)) await redis.restore(key, 0, dump, 'REPLACE');
      return isRemoved;
    };
    await pauseLane(replica, ca);
    assert.deepEqual(dumps, []);
    assert.equal(await renewalsFor(context, 'node-a'), 0);
  });

  test('recalls a renewal whose lane is paused between its admission and its dispatch', async () => {
    const { replica, prefix } = await replicaOf();
    const renewals = (): Promise<number> => renewalsFor({ replica, prefix }, 'node-a');
    const add = replica.dispatcher.nodeQueues.add.bind(replica.dispatcher.nodeQueues);
    // The pause is complete when the job is added.
    replica.dispatcher.nodeQueues.add = async (...job) => {
      await pauseLane(replica, ca);
      await add(...job);
    };
    // The script reads the pause after the job was added, because both use one connection.
    const isWithdrawn = replica.dispatcher.lanes.isWithdrawn.bind(replica.dispatcher.lanes);
    replica.dispatcher.lanes.isWithdrawn = async (...renewal) => {
      await until(async () => (await renewals()) === 1);
      return await isWithdrawn(...renewal);
    };
    await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    await until(async () => (await replica.dispatcher.lanes.state(ca)).blocked === 1);
    assert.equal(await renewals(), 0);
  });

  test('returns a renewal without a result to its lane after the answer timeout, and it runs once', async () => {
    const context = await replicaOf({ policy: { answerTimeoutMs: 1_000 } });
    const { replica, keys } = context;
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
    await until(async () => (await replica.connections.commands.zcount(keys.started, '-inf', Date.now())) === 1);
    await until(async () => (await replica.connections.commands.zcount(keys.started, Date.now(), '+inf')) === 1);
    assert.equal(await replica.dispatcher.nodeQueues.waiting('node-a'), 1);
    const agent = agentOf(context, 'node-a', renewing(replica, session));
    await until(() => replica.follower.view.volume('node-a', 'v1')?.generation === 2);
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 1);
    assert.equal(agent.jobs.length, 1);
  });

  test('frees the slot of a renewal that an agent refuses, and dispatches it after the wait without a loop', async () => {
    const context = await replicaOf({ policy: { maxInFlight: 1 } });
    const { replica, keys } = context;
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    const waits = [0, 3_600_000];
    const agent = agentOf(context, 'node-a', async ({ volumeId, generation }) => {
      await replica.index.applyDeferrals(session, [{ volumeId, generation, waitMs: waits.shift() ?? 0 }]);
    });
    await until(() => agent.jobs.length === 2);
    const [first, second] = agent.jobs;
    // At least a second, however short the agent's wait is.
    assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) > 900);
    await until(async () => (await replica.dispatcher.lanes.state(ca)).inFlight === 0);
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 1);
    const [, score] = await replica.connections.commands.zrange(`${keys.controller}:due:delayed`, 0, '0', 'WITHSCORES');
    const waitMs = Number(score) / 0x1000 - Date.now();
    assert.ok(waitMs > 3_500_000 && waitMs <= 3_600_000, `${waitMs} ms`);
    assert.deepEqual(
      agent.jobs.map(({ requested }) => requested),
      [undefined, undefined],
    );
    // A request ignores the wait, and the job is marked as requested.
    await until(() => replica.follower.view.volume('node-a', 'v1') !== undefined);
    await requestRenewal(replica, { node: 'node-a' }, by);
    await until(() => agent.jobs.length === 3);
    assert.equal(agent.jobs[2]?.requested, true);
  });

  test('frees the slot of a requested renewal that its agent defers, and waits instead of looping', async () => {
    const context = await replicaOf({ policy: { maxInFlight: 1 } });
    const { replica, keys } = context;
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1', renewAtMs: Date.now() + 600_000 })]);
    await until(() => replica.follower.view.volume('node-a', 'v1') !== undefined);
    const agent = agentOf(context, 'node-a', async ({ volumeId, generation }) => {
      await replica.index.applyDeferrals(session, [{ volumeId, generation, waitMs: 240_000 }]);
    });
    await requestRenewal(replica, { node: 'node-a' }, by);
    await until(() => agent.jobs.length === 1);
    await until(async () => (await replica.dispatcher.lanes.state(ca)).inFlight === 0);
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 1);
    const rest = Number(await replica.connections.commands.zscore(keys.cooldown, 'node-a/v1')) - Date.now();
    assert.ok(rest > 200_000 && rest <= 240_000, `${rest} ms`);
    const [, score] = await replica.connections.commands.zrange(`${keys.controller}:due:delayed`, 0, '0', 'WITHSCORES');
    const waitMs = Number(score) / 0x1000 - Date.now();
    assert.ok(waitMs > 200_000 && waitMs <= 241_000, `${waitMs} ms`);
    // A new request does not wait.
    await until(() => agent.completed === 1);
    await requestRenewal(replica, { node: 'node-a' }, by);
    await until(() => agent.jobs.length === 2);
  });

  test('ignores a refusal that does not belong to a dispatched renewal', async () => {
    const context = await replicaOf();
    const { replica } = context;
    const later = { renewAtMs: Date.now() + 600_000, notBeforeMs: Date.now() };
    const reports = [reportOf({ id: 'v1' }), reportOf({ id: 'v2', ...later })];
    const session = await enrol(replica, 'node-a', reports);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
    const deferrals = [
      { volumeId: 'v1', generation: 2, waitMs: 3_600_000 },
      { volumeId: 'v2', generation: 1, waitMs: 3_600_000 },
      { volumeId: 'unknown', generation: 1, waitMs: 3_600_000 },
      { volumeId: 'x'.repeat(300), generation: 1, waitMs: 3_600_000 },
    ];
    await replica.index.applyDeferrals(session, deferrals);
    assert.equal((await replica.dispatcher.lanes.state(ca)).inFlight, 1);
    assert.equal((await replica.dispatcher.due.counts()).delayed, 1);
  });

  test('replaces a queued automatic renewal when an operator requests it', async () => {
    const context = await replicaOf();
    const { replica } = context;
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
    await until(() => replica.follower.view.volume('node-a', 'v1') !== undefined);
    assert.equal(await isQueuedAsRequest(context, 'node-a'), false);
    await requestRenewal(replica, { node: 'node-a' }, by);
    await until(() => isQueuedAsRequest(context, 'node-a'));
    const agent = agentOf(context, 'node-a', renewing(replica, session));
    await until(() => replica.follower.view.volume('node-a', 'v1')?.generation === 2);
    assert.deepEqual(
      agent.jobs.map(({ requested, cause }) => [requested, cause]),
      [[true, 'requested']],
    );
  });

  test('keeps due renewals of a silent node until its next snapshot, without using the lane', async () => {
    const context = await replicaOf({ policy: { ratePerSecond: 0, maxInFlight: 5 } });
    const { replica, keys } = context;
    const redis = replica.connections.commands;
    const soonMs = Date.now() + 500;
    const reports = [...Array(20).keys()].map((i) => reportOf({ id: `d${i}`, renewAtMs: soonMs, notBeforeMs: soonMs }));
    await enrol(replica, 'node-dead', reports);
    await redis.zadd(keys.seen, Date.now() - 3_600_000, 'node-dead');
    await until(async () => (await redis.hlen(keys.waits)) === 20);
    const live = await enrol(replica, 'node-live', [reportOf({ id: 'l1' })]);
    const agent = agentOf(context, 'node-live', renewing(replica, live));
    await until(() => replica.follower.view.volume('node-live', 'l1')?.generation === 2);
    assert.equal(agent.jobs.length, 1);
    const { inFlight, queued, blocked } = await replica.dispatcher.lanes.state(ca);
    assert.deepEqual([inFlight, queued, blocked], [0, 0, 0]);
    // It receives no deferral either: its agent renews at the fallback deadline.
    assert.equal(await replica.dispatcher.nodeQueues.waiting('node-dead'), 0);
    const back = agentOf(context, 'node-dead', renewing(replica, await enrol(replica, 'node-dead', reports)));
    await until(() => back.jobs.length === 20);
  });

  test('retries a failing volume of a node with a slow clock as often as any other', async () => {
    const context = await replicaOf();
    const { replica, keys } = context;
    const lives = { notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + 30 * dayMs };
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1', ...lives })]);
    agentOf(context, 'node-a', async () => {
      const failedAtMs = Date.now() - 15 * 60_000;
      await replica.index.applyDelta(session, [reportOf({ id: 'v1', attempts: 1, failedAtMs, ...lives })], []);
    });
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 1);
    const [, score] = await replica.connections.commands.zrange(`${keys.controller}:due:delayed`, 0, '0', 'WITHSCORES');
    const waitMs = Number(score) / 0x1000 - Date.now();
    assert.ok(waitMs > 25_000 && waitMs < 50_000, `${waitMs} ms`);
  });

  test('does not retry an early attempt before its regular time when nobody requests it any more', async () => {
    const { replica, keys } = await replicaOf();
    const times = { notBeforeMs: Date.now(), renewAtMs: Date.now() + 60_000, notAfterMs: Date.now() + 90_000 };
    await enrol(replica, 'node-a', [reportOf({ id: 'v1', attempts: 1, failedAtMs: Date.now(), ...times })]);
    const delayMs = async (): Promise<number> => {
      const due = await replica.connections.commands.zrange(`${keys.controller}:due:delayed`, 0, '0', 'WITHSCORES');
      return Number(due[1] ?? 0) / 0x1000 - Date.now();
    };
    // The back-off after the failure ends within seconds; the lane then returns the wait until the jitter before renew-at.
    await until(async () => (await delayMs()) > 20_000);
    assert.equal(await replica.dispatcher.nodeQueues.waiting('node-a'), 0);
    assert.equal(await replica.connections.commands.exists(keys.started), 0);
  });

  test('starts nothing early on a replica with a fast clock', async () => {
    const aheadMs = 45 * 60_000;
    const clock = { ...systemClock, now: () => Date.now() + aheadMs };
    const { replica, keys } = await replicaOf({ clock });
    const report = reportOf({ id: 'v1', notBeforeMs: Date.now(), renewAtMs: Date.now() + 40 * 60_000 });
    await enrol(replica, 'node-a', [report]);
    // The replica processes the job at once, the lane returns the remaining wait, and the job is delayed.
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 1);
    assert.equal(await replica.dispatcher.nodeQueues.waiting('node-a'), 0);
    assert.equal(await replica.connections.commands.exists(keys.started), 0);
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import type { NodeSession } from '../fleet-index/model/node-session.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { nodeQueuePrefix, redisKeys } from '../redis/redis-keys.ts';
import { noObserver } from './dispatch-observer.ts';
import type { DispatchObserver } from './dispatch-observer.ts';
import type { RenewalJob } from '@certfleet/fleet-model/node-job.ts';
import { TestAgent, enrol, pauseLane, reportOf, resumeLane, startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica, TestReplicaOptions, VolumeSketch } from './testing/test-fleet.ts';

let server: RedisServer;
const stops: (() => Promise<void>)[] = [];

function replicaOf(options: Partial<TestReplicaOptions> = {}): { replica: TestReplica; prefix: string } {
  const prefix = options.prefix ?? `t-${randomUUID()}`;
  const replica = startReplica({ url: server.url, prefix, ...options });
  stops.push(() => replica.stop());
  return { replica, prefix };
}

function laneIssuer(name: string): IssuerName {
  return { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name };
}

async function connected({ connections }: TestReplica): Promise<void> {
  await until(() => connections.commands.status === 'ready');
}

describe('RenewalDispatcher', () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test('dispatches a due volume through its lane to its node, and treats the next report as the result', async () => {
    const { replica, prefix } = replicaOf();
    await connected(replica);
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    const agent = new TestAgent(replica, prefix, 'node-a', async ({ volumeId, generation }) => {
      const renewAtMs = Date.now() + 600_000;
      await replica.index.applyDelta(session, [reportOf({ id: volumeId, generation: generation + 1, renewAtMs })], []);
    });
    stops.push(() => agent.stop());
    await until(() => replica.follower.view.volume('node-a', 'v1')?.generation === 2);
    assert.deepEqual(
      agent.jobs.map(({ volumeId, generation, cause }) => ({ volumeId, generation, cause })),
      [{ volumeId: 'v1', generation: 1, cause: 'due' }],
    );
    const [lane] = await replica.dispatcher.lanes.list();
    assert.equal(lane?.inFlight, 0);
    await until(async () => (await replica.dispatcher.due.counts()).active === 0);
    assert.deepEqual(await replica.dispatcher.due.counts(), { delayed: 1, waiting: 0, active: 0 });
  });

  /** Answers each job with the next generation, due again in ten minutes. */
  function renewing(
    replica: TestReplica,
    session: NodeSession,
    sketch: Partial<VolumeSketch> = {},
  ): (job: RenewalJob) => Promise<void> {
    return async ({ volumeId, generation }: RenewalJob): Promise<void> => {
      const next = { ...sketch, id: volumeId, generation: generation + 1, renewAtMs: Date.now() + 600_000 };
      await replica.index.applyDelta(session, [reportOf(next)], []);
    };
  }

  test('retries after a failure with a new job, and settles requests only after a success', async () => {
    const { replica, prefix } = replicaOf();
    await connected(replica);
    // Short-lived, so that the retry is due soon.
    const lives = { notBeforeMs: Date.now() - 4_000, notAfterMs: Date.now() + 6_000 };
    const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1', ...lives })]);
    const agent = new TestAgent(replica, prefix, 'node-a', async (job) => {
      if (job.cause === 'due')
        await replica.index.applyDelta(session, [reportOf({ id: 'v1', attempts: 1, ...lives })], []);
      else await renewing(replica, session)(job);
    });
    stops.push(() => agent.stop());
    await until(() => replica.follower.view.volume('node-a', 'v1')?.generation === 2);
    assert.deepEqual(
      agent.jobs.map(({ generation, cause }) => [generation, cause]),
      [
        [1, 'due'],
        [1, 'retry'],
      ],
    );
  });

  test('creates one job for a report that arrives many times on two replicas', async () => {
    const policy = { maxInFlight: 1_000, burst: 100 };
    const first = replicaOf({ policy });
    const { replica: second } = replicaOf({ prefix: first.prefix, policy });
    await connected(first.replica);
    await connected(second);
    const reports = Array.from({ length: 50 }, (_, i) => reportOf({ id: `v${i}` }));
    // A stream resumed on another replica, then the same snapshot and deltas repeatedly.
    for (const replica of [first.replica, second, first.replica]) {
      const session = await enrol(replica, 'node-a', reports);
      await Promise.all([
        replica.index.applyDelta(session, reports, []),
        replica.index.applyDelta(session, reports, []),
      ]);
    }
    await until(async () => {
      const { delayed, waiting, active } = await second.dispatcher.due.counts();
      return delayed + waiting + active === 0;
    });
    assert.equal(await second.dispatcher.nodeQueues.waiting('node-a'), 50);
    assert.equal((await second.dispatcher.lanes.state(laneIssuer('ca'))).inFlight, 50);
  });

  test('shares the work between two replicas without duplicates', async () => {
    const dispatched: number[] = [0, 0];
    const observer = (replica: number): DispatchObserver => ({
      ...noObserver,
      dispatched: () => (dispatched[replica] = (dispatched[replica] ?? 0) + 1),
    });
    const policy = { ratePerSecond: 0, maxInFlight: 1_000_000 };
    const first = replicaOf({ observer: observer(0), policy });
    const second = replicaOf({ prefix: first.prefix, observer: observer(1), policy });
    await connected(first.replica);
    await connected(second.replica);
    const soonMs = Date.now() + 300;
    await enrol(
      first.replica,
      'node-a',
      Array.from({ length: 1000 }, (_, i) => reportOf({ id: `v${i}`, renewAtMs: soonMs, notBeforeMs: soonMs - 1000 })),
    );
    await until(() => (dispatched[0] ?? 0) + (dispatched[1] ?? 0) >= 1000);
    assert.equal((dispatched[0] ?? 0) + (dispatched[1] ?? 0), 1000);
    assert.ok(Math.min(...dispatched) > 100, `shared ${dispatched.join(' to ')}`);
    assert.equal(await first.replica.dispatcher.nodeQueues.waiting('node-a'), 1000);
  });

  test('does not dispatch a volume that was removed or renewed by its agent meanwhile', async () => {
    const replica = startReplica({ url: server.url, prefix: `t-${randomUUID()}` }, false);
    stops.push(() => replica.stop());
    await connected(replica);
    const ids = ['removed', 'renewed', 'due'];
    const session = await enrol(
      replica,
      'node-a',
      ids.map((id) => reportOf({ id })),
    );
    const later = reportOf({ id: 'renewed', generation: 2, renewAtMs: Date.now() + 600_000 });
    await replica.index.applyDelta(session, [later], ['removed']);
    replica.dispatcher.start();
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) > 0);
    await until(async () => (await replica.dispatcher.due.counts()).active === 0);
    assert.equal(await replica.dispatcher.nodeQueues.waiting('node-a'), 1);
    assert.deepEqual(await replica.dispatcher.due.counts(), { delayed: 1, waiting: 0, active: 0 });
  });

  test('backs off from a broken issuer while a healthy one continues', async () => {
    // A back-off that outlasts the test on a slow machine.
    const backoff = { threshold: 3, initialMs: 600_000, maxMs: 600_000 };
    const { replica, prefix } = replicaOf({ policy: { ratePerSecond: 0, maxInFlight: 4, backoff } });
    await connected(replica);
    const broken = Array.from({ length: 40 }, (_, i) => reportOf({ id: `b${i}`, issuer: 'broken' }));
    const healthy = Array.from({ length: 40 }, (_, i) => reportOf({ id: `h${i}`, issuer: 'healthy' }));
    const agents = await Promise.all(
      ['node-a', 'node-b', 'node-c'].map(async (node) => {
        const session = await enrol(replica, node, []);
        const agent = new TestAgent(replica, prefix, node, async (job) => {
          if (job.volumeId.startsWith('h')) await renewing(replica, session, { issuer: 'healthy' })(job);
          else
            await replica.index.applyDelta(
              session,
              [reportOf({ id: job.volumeId, issuer: 'broken', attempts: 1 })],
              [],
            );
        });
        stops.push(() => agent.stop());
        await replica.index.applyDelta(session, [...broken, ...healthy], []);
        return agent;
      }),
    );
    const sentOf = (letter: string): number =>
      agents.flatMap(({ jobs }) => jobs).filter(({ volumeId }) => volumeId.startsWith(letter)).length;
    await until(() => sentOf('h') === 120);
    const sent = sentOf('b');
    assert.ok(sent < 12, `${sent} went to the broken issuer`);
    const lane = await replica.dispatcher.lanes.state(laneIssuer('broken'));
    assert.ok(lane.backoffUntilMs !== undefined && lane.backoffUntilMs > Date.now());
    assert.equal(lane.lastError?.message, 'issuer unavailable');
  });

  test('dispatches deferrals but no renewals of a paused lane, and all renewals after its resume', async () => {
    const { replica, prefix } = replicaOf({ policy: { ratePerSecond: 0, maxInFlight: 1000 } });
    await connected(replica);
    await pauseLane(replica, laneIssuer('ca'));
    const session = await enrol(
      replica,
      'node-a',
      Array.from({ length: 30 }, (_, i) => reportOf({ id: `v${i}` })),
    );
    const agent = new TestAgent(replica, prefix, 'node-a', renewing(replica, session));
    stops.push(() => agent.stop());
    await until(async () => (await replica.dispatcher.lanes.state(laneIssuer('ca'))).blocked === 30);
    await until(() => agent.deferrals.length === 30);
    for (const { generation, untilMs } of agent.deferrals)
      assert.ok(generation === 1 && untilMs > Date.now() + 600_000);
    assert.deepEqual(agent.jobs, []);
    await resumeLane(replica, laneIssuer('ca'));
    await until(() => agent.jobs.length === 30);
  });

  test('sends no deferral for a renewal that its lane starts before the agent would', async () => {
    const { replica, prefix } = replicaOf({ policy: { ratePerSecond: 20, burst: 1, maxInFlight: 1000 } });
    await connected(replica);
    const session = await enrol(
      replica,
      'node-a',
      Array.from({ length: 10 }, (_, i) => reportOf({ id: `v${i}` })),
    );
    const agent = new TestAgent(replica, prefix, 'node-a', renewing(replica, session));
    stops.push(() => agent.stop());
    await until(() => agent.jobs.length === 10);
    assert.deepEqual(agent.deferrals, []);
  });

  test('defers a renewal and its agent until its window opens, unless its latest start has passed', async () => {
    const inHalfAYear = new Date(Date.now() + 182 * 86_400_000);
    const cron = `0 0 ${inHalfAYear.getUTCDate()} ${inHalfAYear.getUTCMonth() + 1} *`;
    const { replica, prefix } = replicaOf({ policy: { windows: [{ cron, durationMs: 3_600_000 }] } });
    await connected(replica);
    const day = 86_400_000;
    const now = Date.now();
    const long = { notBeforeMs: now - 200 * day, renewAtMs: now - 1, notAfterMs: now + 300 * day };
    const ending = { notBeforeMs: now - 30 * day, renewAtMs: now - 10 * day, notAfterMs: now + 20 * 60_000 };
    const session = await enrol(replica, 'node-a', [
      reportOf({ id: 'long', ...long }),
      reportOf({ id: 'ending', ...ending }),
    ]);
    const agent = new TestAgent(replica, prefix, 'node-a', renewing(replica, session, long));
    stops.push(() => agent.stop());
    await until(() => agent.jobs.length > 0 && agent.deferrals.length > 0);
    assert.deepEqual(
      agent.jobs.map(({ volumeId }) => volumeId),
      ['ending'],
    );
    assert.ok(agent.deferrals.some(({ volumeId, untilMs }) => volumeId === 'long' && untilMs > now + 29 * day));
  });

  test('spreads a thousand equal certificates over the jitter of their lane', async () => {
    const { replica, prefix } = replicaOf({ policy: { jitter: 0.05 } });
    await connected(replica);
    const [notBeforeMs, renewAtMs, notAfterMs] = [Date.now(), Date.now() + 40 * 60_000, Date.now() + 60 * 60_000];
    const reports = Array.from({ length: 1000 }, (_, i) =>
      reportOf({ id: `v${i}`, notBeforeMs, renewAtMs, notAfterMs }),
    );
    await enrol(replica, 'node-a', reports);
    const scores = await replica.connections.commands.zrange(
      `${redisKeys(prefix).controller}:due:delayed`,
      0,
      '-1',
      'WITHSCORES',
    );
    const times = scores.filter((_, i) => i % 2 === 1).map((score) => Math.floor(Number(score) / 0x1000));
    assert.equal(times.length, 1000);
    // Three minutes of jitter before renew-at in 36 parts; the average is 28, and none may contain many more.
    const parts = new Map<number, number>();
    for (const time of times) {
      assert.ok(time <= renewAtMs + 1000 && time >= renewAtMs - 181_000, `due ${renewAtMs - time} ms before renew-at`);
      const part = Math.floor((renewAtMs - time) / 5_000);
      parts.set(part, (parts.get(part) ?? 0) + 1);
    }
    assert.ok(Math.max(...parts.values()) < 60, `${Math.max(...parts.values())} of 1000 within 5 s of 180`);
  });

  test('removes the queue, jobs and slots of a removed node', async () => {
    const { replica, prefix } = replicaOf();
    await connected(replica);
    await enrol(replica, 'node-a', [
      ...Array.from({ length: 5 }, (_, i) => reportOf({ id: `v${i}` })),
      reportOf({ id: 'later', renewAtMs: Date.now() + 600_000 }),
    ]);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 5);
    await replica.index.forgetNode('node-a');
    const left = await replica.connections.commands.keys(`*${nodeQueuePrefix(prefix, 'node-a').slice(1, -1)}*`);
    assert.deepEqual(left, []);
    assert.deepEqual(await replica.dispatcher.due.counts(), { delayed: 0, waiting: 0, active: 0 });
    assert.equal((await replica.dispatcher.lanes.state(laneIssuer('ca'))).inFlight, 0);
    await until(() => replica.follower.view.nodes().length === 0);
    // The node may reconnect.
    await enrol(replica, 'node-a', [reportOf({ id: 'v0' })]);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
  });
});

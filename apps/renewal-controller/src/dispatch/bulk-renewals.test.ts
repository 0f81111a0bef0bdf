import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { systemClock } from '@certfleet/shared/clock.ts';
import { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { NodeSession } from '../fleet-index/model/node-session.ts';
import type { VolumeSelection } from '../fleet-index/query/volume-selection.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { previewOf } from './bulk-renewals.ts';
import {
  TestAgent,
  enrol,
  pauseLane,
  reportOf,
  requestRenewal,
  resumeLane,
  silentLogger,
  startReplica,
  until,
} from './testing/test-fleet.ts';
import type { TestReplica, VolumeSketch } from './testing/test-fleet.ts';

let server: RedisServer;
const stops: (() => Promise<void>)[] = [];

const by = { by: 'alice', reason: 'CA roll-out' };
const ca = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };

/** A replica, which dispatches only if requested, and two nodes with volumes that are due in an hour. */
async function fleet(isDispatching = true): Promise<{
  replica: TestReplica;
  prefix: string;
  sessions: Map<string, NodeSession>;
}> {
  const prefix = `t-${randomUUID()}`;
  const replica = startReplica({ url: server.url, prefix }, isDispatching);
  stops.push(() => replica.stop());
  await until(() => replica.connections.commands.status === 'ready');
  const sessions = new Map<string, NodeSession>();
  for (const [node, sketches] of Object.entries(volumes))
    sessions.set(node, await enrol(replica, node, sketches.map(later)));
  await until(() => replica.follower.view.size === 6);
  return { replica, prefix, sessions };
}

const startedMs = Date.now();
const old = { notBeforeMs: startedMs - 1_800_000 };
const volumes: Readonly<Record<string, readonly VolumeSketch[]>> = {
  'node-a': [
    { id: 'a1', namespace: 'shop', pod: 'web-0' },
    { id: 'a2', namespace: 'shop', pod: 'web-1', ...old },
    { id: 'a3', namespace: 'bank', issuer: 'other' },
  ],
  'node-b': [
    { id: 'b1', namespace: 'shop', caFingerprint: 'dd'.repeat(32) },
    { id: 'b2', namespace: 'bank', issuer: 'other', caFingerprint: 'dd'.repeat(32) },
    { id: 'b3', namespace: 'bank', ...old },
  ],
};

function later(sketch: VolumeSketch): ReturnType<typeof reportOf> {
  return reportOf({
    notBeforeMs: startedMs - 60_000,
    renewAtMs: startedMs + 3_600_000,
    notAfterMs: startedMs + 7_200_000,
    ...sketch,
  });
}

function answering({ replica, prefix, sessions }: Awaited<ReturnType<typeof fleet>>, node: string): TestAgent {
  const agent = new TestAgent(replica, prefix, node, async ({ volumeId, generation }) => {
    const session = sessions.get(node);
    const sketch = volumes[node]?.find(({ id }) => id === volumeId);
    assert.ok(session && sketch);
    await replica.index.applyDelta(session, [later({ ...sketch, generation: generation + 1 })], []);
  });
  stops.push(() => agent.stop());
  return agent;
}

describe('BulkRenewals', () => {
  before(async () => {
    server = await startRedisServer();
  });
  after(() => server.stop());
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  test('selects by volume, pod, namespace, node, issuer, age and CA, and previews the counts', async () => {
    const { replica } = await fleet(false);
    const selections: [VolumeSelection, number][] = [
      [{ node: 'node-a', volumeId: 'a1' }, 1],
      [{ namespace: 'shop', pod: 'web-1' }, 1],
      [{ namespace: 'shop' }, 3],
      [{ node: 'node-b' }, 3],
      [{ issuer: { ...ca, name: 'other' } }, 2],
      [{ issuedBeforeMs: startedMs - 600_000 }, 2],
      [{ caFingerprint: 'dd'.repeat(32) }, 2],
      [{ podUids: ['uid-a1', 'uid-b3'] }, 2],
      [{ namespace: 'bank', node: 'node-b', issuer: ca }, 1],
      [{}, 6],
      [{ namespace: 'nowhere' }, 0],
    ];
    for (const [selection, count] of selections)
      assert.equal(previewOf(replica.dispatcher.bulks.select(selection)).count, count, JSON.stringify(selection));
    const { byNode, byIssuer } = previewOf(replica.dispatcher.bulks.select({ namespace: 'shop' }));
    assert.deepEqual(byNode, [
      ['node-a', 2],
      ['node-b', 1],
    ]);
    assert.deepEqual(byIssuer, [['ClusterIssuer.cert-manager.io//ca', 3]]);
    assert.deepEqual(await replica.dispatcher.due.counts(), { delayed: 6, waiting: 0, active: 0 });
  });

  test('renews the selected volumes only, and reports its progress', async () => {
    const context = await fleet();
    const { replica } = context;
    const id = await requestRenewal(replica, { namespace: 'shop' }, by);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 2);
    const before = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([before.state, before.total, before.pending, before.renewed], ['running', 3, 3, 0]);
    const agents = [answering(context, 'node-a'), answering(context, 'node-b')];
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'finished');
    const done = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([done.total, done.pending, done.renewed, done.gone], [3, 0, 3, 0]);
    assert.equal(done.reason, 'CA roll-out');
    const jobs = agents.flatMap(({ jobs }) => jobs.map(({ volumeId, cause }) => `${volumeId} ${cause}`)).sort();
    assert.deepEqual(jobs, ['a1 requested', 'a2 requested', 'b1 requested']);
    // Each renewed volume has its next regular renewal, and the others keep theirs.
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 6);
    assert.deepEqual(
      (await replica.dispatcher.bulks.list()).map((bulk) => bulk.id),
      [id],
    );
  });

  test('cancels renewals that have not started, and restores their schedule', async () => {
    const context = await fleet();
    const { replica } = context;
    await pauseLane(replica, ca);
    const id = await requestRenewal(replica, {}, by);
    // Renewals of the other issuer were dispatched; those of the paused one wait.
    await until(async () => (await replica.dispatcher.lanes.state({ ...ca, name: 'other' })).inFlight === 2);
    await until(async () => (await replica.dispatcher.lanes.state(ca)).blocked === 4);
    assert.equal(await replica.dispatcher.bulks.cancel(id), true);
    // Dispatched jobs that no agent has begun are not carried out either.
    const agents = [answering(context, 'node-a'), answering(context, 'node-b')];
    await resumeLane(replica, ca);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).pending === 0);
    const end = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([end.state, end.renewed, end.cancelled], ['cancelled', 0, 6]);
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 6);
    assert.deepEqual(
      agents.flatMap(({ jobs }) => jobs),
      [],
    );
    assert.equal((await replica.dispatcher.lanes.state(ca)).inFlight, 0);
  });

  test('keeps a renewal pending that an agent processes during the cancellation', async () => {
    const { replica, prefix, sessions } = await fleet();
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<undefined>();
    const agent = new TestAgent(replica, prefix, 'node-a', async ({ volumeId, generation }) => {
      await mayAnswer;
      const session = sessions.get('node-a');
      assert.ok(session);
      await replica.index.applyDelta(session, [later({ id: volumeId, generation: generation + 1 })], []);
    });
    stops.push(() => agent.stop());
    const id = await requestRenewal(replica, { node: 'node-a', volumeId: 'a1' }, by);
    await until(() => agent.jobs.length === 1);
    await replica.dispatcher.bulks.cancel(id);
    // The job of the cancellation has ended.
    await until(async () => (await replica.dispatcher.due.counts()).waiting === 0);
    await until(async () => (await replica.dispatcher.due.counts()).active === 0);
    const cancelled = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([cancelled.state, cancelled.pending], ['cancelled', 1]);
    answer(undefined);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).renewed === 1);
    assert.equal((await replica.dispatcher.bulks.progress(id)).pending, 0);
  });

  test('starts nothing after an accepted cancellation, even if jobs arrive later', async () => {
    const { replica } = await fleet(false);
    const id = await requestRenewal(replica, {}, by);
    await replica.dispatcher.bulks.cancel(id);
    const { pending } = await replica.dispatcher.bulks.progress(id);
    // Accepted before any job was removed.
    assert.equal(pending, 6);
    const volumesOfFleet = [...replica.follower.view.volumes()];
    await replica.dispatcher.due.bringForward(volumesOfFleet);
    replica.dispatcher.start();
    await until(async () => (await replica.dispatcher.bulks.progress(id)).pending === 0);
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 6);
    const waiting = await Promise.all(['node-a', 'node-b'].map((node) => replica.dispatcher.nodeQueues.waiting(node)));
    assert.deepEqual(waiting, [0, 0]);
  });

  test('keeps a renewal for another request when one is cancelled', async () => {
    const context = await fleet(false);
    const { replica } = context;
    const cancelled = await requestRenewal(replica, { node: 'node-a' }, by);
    const wanted = await requestRenewal(replica, { node: 'node-a', volumeId: 'a1' }, by);
    await replica.dispatcher.bulks.cancel(cancelled);
    replica.dispatcher.start();
    const agent = answering(context, 'node-a');
    await until(async () => (await replica.dispatcher.bulks.progress(wanted)).state === 'finished');
    await until(async () => (await replica.dispatcher.bulks.progress(cancelled)).pending === 0);
    assert.deepEqual(
      agent.jobs.map(({ volumeId }) => volumeId),
      ['a1'],
    );
  });

  test('keeps a request while it runs and for a week afterwards', async () => {
    const context = await fleet();
    const { replica, prefix } = context;
    const keys = redisKeys(prefix);
    const lifeOf = (id: string): Promise<number> => replica.connections.commands.pttl(keys.bulk(id));
    await pauseLane(replica, ca);
    const [working, done] = [
      await requestRenewal(replica, { namespace: 'shop' }, by),
      await requestRenewal(replica, { issuer: { ...ca, name: 'other' } }, by),
    ];
    answering(context, 'node-a');
    answering(context, 'node-b');
    await until(async () => (await replica.dispatcher.bulks.progress(done)).state === 'finished');
    assert.equal(await lifeOf(working), -1);
    assert.equal(await replica.connections.commands.pttl(`${keys.bulk(working)}:pending`), -1);
    assert.ok((await lifeOf(done)) > 6 * 86_400_000);
    // Eight days later.
    await replica.connections.commands.zadd(keys.bulks, Date.now() - 8 * 86_400_000, working);
    await replica.connections.commands.del(keys.bulk(done));
    assert.deepEqual(
      (await replica.dispatcher.bulks.list()).map(({ id }) => id),
      [working],
    );
    await replica.dispatcher.bulks.cancel(working);
    await until(async () => (await replica.dispatcher.bulks.progress(working)).cancelled === 3);
    assert.ok((await lifeOf(working)) > 6 * 86_400_000);
  });

  test('finishes although volumes were removed meanwhile', async () => {
    const { replica, sessions } = await fleet();
    await pauseLane(replica, ca);
    const id = await requestRenewal(replica, { namespace: 'shop' }, by);
    await until(async () => (await replica.dispatcher.lanes.state(ca)).blocked === 3);
    const [a, b] = [sessions.get('node-a'), sessions.get('node-b')];
    assert.ok(a && b);
    await replica.index.applyDelta(a, [], ['a1', 'a2']);
    await replica.index.applyDelta(b, [], ['b1']);
    const { state, gone, pending } = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([state, gone, pending], ['finished', 3, 0]);
    assert.equal((await replica.dispatcher.lanes.state(ca)).blocked, 0);
  });

  test('finishes although the replica that stored the result was killed before it acted on it', async () => {
    const { replica, prefix, sessions } = await fleet();
    const id = await requestRenewal(replica, { node: 'node-a' }, by);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 3);
    const ignored = (): Promise<void> => Promise.resolve();
    const killed = new FleetIndex({
      redis: replica.connections.commands,
      keys: redisKeys(prefix),
      sink: { changed: ignored, confirmed: ignored, deferred: ignored, forgotten: ignored },
      clock: systemClock,
      logger: silentLogger,
    });
    const session = sessions.get('node-a');
    assert.ok(session);
    const renewed = (volumes['node-a'] ?? []).map((sketch) => later({ ...sketch, generation: 2 }));
    await killed.applyDelta(session, renewed, []);
    assert.equal((await replica.dispatcher.bulks.progress(id)).pending, 3);
    await enrol(replica, 'node-a', renewed);
    const { state, renewed: count } = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([state, count], ['finished', 3]);
    assert.equal((await replica.dispatcher.lanes.state(ca)).inFlight, 0);
  });

  test('is cancelled by the failure at which it stops, before the stop is stored anywhere else', async () => {
    const { replica, sessions } = await fleet();
    const id = await requestRenewal(replica, { node: 'node-a' }, { ...by, stopsAt: 2 });
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 3);
    const session = sessions.get('node-a');
    assert.ok(session);
    const states: unknown[] = [];
    for (const sketch of (volumes['node-a'] ?? []).slice(0, 2)) {
      await replica.index.applyDelta(session, [later({ ...sketch, attempts: 1 })], []);
      const { state, failures } = await replica.dispatcher.bulks.progress(id);
      states.push([state, failures]);
    }
    assert.deepEqual(states, [
      ['running', 1],
      ['cancelled', 2],
    ]);
  });

  test('renews volumes once for two requests, and finishes both', async () => {
    const context = await fleet(false);
    const { replica } = context;
    const ids = [
      await requestRenewal(replica, { namespace: 'shop' }, by),
      await requestRenewal(replica, { node: 'node-a' }, by),
    ];
    replica.dispatcher.start();
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 3);
    const agents = [answering(context, 'node-a'), answering(context, 'node-b')];
    await until(async () =>
      (await Promise.all(ids.map((id) => replica.dispatcher.bulks.progress(id)))).every(
        ({ state }) => state === 'finished',
      ),
    );
    assert.equal(agents.flatMap(({ jobs }) => jobs).length, 4);
  });

  test('waits for volumes that Redis lost until their nodes report them, and does not count them as gone', async () => {
    const context = await fleet();
    const { replica, prefix, sessions } = context;
    const keys = redisKeys(prefix);
    const redis = replica.connections.commands;
    // As after a loss of everything: the view still contains volumes that no agent has reported again.
    await redis.del(keys.volumes('node-a'), keys.volumes('node-b'), keys.sessions, keys.snapshots);
    const id = await requestRenewal(replica, { namespace: 'shop' }, by);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'running');
    const [a1, a2, ...others] = (volumes['node-a'] ?? []).map(later);
    assert.ok(a1 && a2);
    const session = await replica.index.openSession('node-a', { agentVersion: 'test', connectedTo: 'replica' });
    sessions.set('node-a', session);
    answering(context, 'node-a');
    // The snapshot is not complete: the missing volume may follow.
    await replica.index.applyDelta(session, [a1], []);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).renewed === 1);
    const meanwhile = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([meanwhile.state, meanwhile.pending, meanwhile.gone], ['running', 2, 0]);
    // The agent no longer has the second volume, and has renewed the first.
    const renewed = later({ id: 'a1', namespace: 'shop', pod: 'web-0', generation: 2 });
    await replica.index.applySnapshot(session, [[renewed, ...others]]);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).gone === 1);
    sessions.set('node-b', await enrol(replica, 'node-b', (volumes['node-b'] ?? []).map(later)));
    answering(context, 'node-b');
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'finished');
    const done = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([done.total, done.renewed, done.gone], [3, 2, 1]);
  });

  test('continues when scheduled again, although a replica with a wrong clock has delayed its job', async () => {
    const context = await fleet(false);
    const { replica, prefix, sessions } = context;
    const keys = redisKeys(prefix);
    const nodes = Object.keys(volumes);
    await replica.connections.commands.del(...nodes.map(keys.volumes), keys.sessions, keys.snapshots);
    const clock = { ...systemClock, now: () => Date.now() + 3_600_000 };
    const ahead = startReplica({ url: server.url, prefix, clock });
    const id = await requestRenewal(replica, { namespace: 'shop' }, by);
    // Its volumes are missing: the job waits for a second, until an hour from now.
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 7);
    await ahead.stop();
    // Those of one node are reported as they were and have to be renewed, those of the other one have been.
    for (const [node, generation] of [
      ['node-a', 1],
      ['node-b', 2],
    ] as const) {
      const reports = (volumes[node] ?? []).map((sketch) => later({ ...sketch, generation }));
      sessions.set(node, await enrol(replica, node, reports));
    }
    const agent = answering(context, 'node-a');
    const { state, pending } = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([state, pending], ['running', 3]);
    const correct = startReplica({ url: server.url, prefix });
    stops.push(() => correct.stop());
    await replica.dispatcher.bulks.schedule(id);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'finished');
    assert.equal((await replica.dispatcher.bulks.progress(id)).renewed, 3);
    assert.equal(agent.jobs.length, 2);
  });

  test('renews a volume whose report a failover lost just before the request', async () => {
    const context = await fleet();
    const { replica, prefix, sessions } = context;
    // The session and its earlier snapshot survive; the view still contains the volume.
    await replica.connections.commands.hdel(redisKeys(prefix).volumes('node-a'), 'a1');
    const id = await requestRenewal(replica, { namespace: 'shop', node: 'node-a' }, by);
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'running');
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
    // The controller finds that the server was replaced, and requests a resync.
    sessions.set('node-a', await enrol(replica, 'node-a', (volumes['node-a'] ?? []).map(later)));
    answering(context, 'node-a');
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'finished');
    const { renewed, gone } = await replica.dispatcher.bulks.progress(id);
    assert.deepEqual([renewed, gone], [2, 0]);
  });
});

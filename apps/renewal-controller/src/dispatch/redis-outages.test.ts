import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createLogger } from '@certfleet/shared/logger.ts';
import type { Logger } from '@certfleet/shared/logger.ts';
import { Worker } from 'bullmq';
import { freePort, startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { LaneAdmission } from '../lanes/lane-admission.ts';
import { LanePolicies } from '../lanes/lane-policies.ts';
import { dueQueueName, redisKeys } from '../redis/redis-keys.ts';
import { TestAgent, enrol, reportOf, silentLogger, startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica } from './testing/test-fleet.ts';

/**
 * Stops in reverse order. Each test has its own, because the tests run concurrently: most of their time is BullMQ's
 * locks.
 */
class Stops {
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (const stop of this.#stops.reverse()) await stop();
    });
  }

  push(stop: () => Promise<void>): void {
    this.#stops.push(stop);
  }
}

async function redisServer(stops: Stops, appendOnly: boolean): Promise<RedisServer> {
  const server = await startRedisServer({ appendOnly });
  stops.push(() => server.stop());
  return server;
}

interface ReplicaSketch {
  readonly url: string;
  readonly prefix?: string;
  readonly logger?: Logger;
  readonly dispatching?: boolean;
}

function replicaOn(
  stops: Stops,
  { url, prefix = 't', logger = silentLogger, dispatching = true }: ReplicaSketch,
): TestReplica {
  const policy = { ratePerSecond: 0, maxInFlight: 10_000 };
  const replica = startReplica({ url, prefix, logger, policy }, dispatching);
  stops.push(() => replica.stop());
  return replica;
}

const ready = ({ connections }: TestReplica): Promise<void> => until(() => connections.commands.status === 'ready');
const ca = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };

describe('RenewalDispatcher during Redis outages', { concurrency: true }, () => {
  test('waits for an unavailable Redis at startup, logs it once, and continues when Redis is available', async (t) => {
    const stops = new Stops(t);
    const port = await freePort();
    const lines: string[] = [];
    const logger = createLogger(0, {
      write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg),
    });
    const replica = replicaOn(stops, { url: `redis://127.0.0.1:${port}`, logger });
    await assert.rejects(replica.index.openSession('node-a', { agentVersion: '', connectedTo: '' }));
    await until(() => lines.length > 0);
    // After several attempts there is still one line.
    await new Promise((resolve) => setTimeout(resolve, 800));
    assert.deepEqual(lines, ['Redis is not reachable, retrying']);
    const server = await startRedisServer({ port });
    stops.push(() => server.stop());
    await ready(replica);
    await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
    await until(async () => (await replica.dispatcher.nodeQueues.waiting('node-a')) === 1);
    await until(() => replica.follower.view.size === 1);
    assert.deepEqual(lines.slice(1), ['Redis is reachable']);
  });

  test('stops in bounded time, whether Redis was available or not', async (t) => {
    const stops = new Stops(t);
    const never = startReplica({ url: `redis://127.0.0.1:${await freePort()}`, prefix: 't' });
    const server = await redisServer(stops, false);
    const gone = startReplica({ url: server.url, prefix: 't' });
    await ready(gone);
    await server.kill();
    const startedMs = Date.now();
    await Promise.all([never.stop(), gone.stop()]);
    assert.ok(Date.now() - startedMs < 7_000);
  });

  test('requests a resync of a lost index, and rebuilds it from the snapshots without duplicates', async (t) => {
    const stops = new Stops(t);
    const server = await redisServer(stops, false);
    const replica = replicaOn(stops, { url: server.url });
    await ready(replica);
    const nodes = Array.from({ length: 10 }, (_, i) => `node-${i}`);
    const renewAtMs = Date.now() + 3_600_000;
    const reports = Array.from({ length: 50 }, (_, i) =>
      reportOf({ id: `v${i}`, renewAtMs, notAfterMs: renewAtMs * 2 }),
    );
    const sessions = await Promise.all(nodes.map((node) => enrol(replica, node, reports)));
    await until(() => replica.follower.view.size === 500);
    await replica.connections.commands.flushall();
    const [session] = sessions;
    assert.ok(session);
    assert.equal(await replica.index.nodeSeen(session), 'lost');
    await assert.rejects(replica.index.applyDelta(session, reports, []), { code: 'aborted' });
    await Promise.all(nodes.map((node) => enrol(replica, node, reports)));
    // Some agents connect twice, as after a broken stream.
    await Promise.all(nodes.slice(0, 5).map((node) => enrol(replica, node, reports)));
    await until(() => replica.follower.view.size === 500);
    assert.deepEqual(await replica.dispatcher.due.counts(), { delayed: 500, waiting: 0, active: 0 });
  });

  test('loses and duplicates nothing when Redis is killed and restarts with its file', async (t) => {
    const stops = new Stops(t);
    const server = await redisServer(stops, true);
    const replica = replicaOn(stops, { url: server.url });
    await ready(replica);
    let replaced = 0;
    replica.connections.onReplaced(() => (replaced += 1));
    await until(() => replica.connections.health.reachable);
    const renewAtMs = Date.now() + 600;
    const reports = Array.from({ length: 200 }, (_, i) =>
      reportOf({ id: `v${i}`, renewAtMs, notBeforeMs: renewAtMs - 5_000 }),
    );
    await enrol(replica, 'node-a', reports);
    // Written to the file before the crash; an everysec policy guarantees this only after a second.
    await replica.connections.commands.config('SET', 'appendfsync', 'always');
    await replica.connections.commands.set('synced', '1');
    await server.kill();
    await server.start();
    await ready(replica);
    await until(() => replaced === 1);
    // After a restart of Redis, every agent sends its snapshot again.
    await enrol(replica, 'node-a', reports);
    const session = await replica.index.openSession('node-a', { agentVersion: '', connectedTo: '' });
    const taken = new Map<string, number>();
    const agent = new TestAgent(replica, 't', 'node-a', async ({ volumeId, generation }) => {
      taken.set(volumeId, (taken.get(volumeId) ?? 0) + 1);
      const next = reportOf({ id: volumeId, generation: generation + 1, renewAtMs: renewAtMs + 3_600_000 });
      await replica.index.applyDelta(session, [next], []);
    });
    stops.push(() => agent.stop());
    const renewed = (): number =>
      [...replica.follower.view.volumes()].filter(({ generation }) => generation === 2).length;
    await until(() => renewed() === 200);
    assert.equal(taken.size, 200);
    assert.equal((await replica.dispatcher.lanes.state(ca)).inFlight, 0);
    await until(async () => (await replica.dispatcher.due.counts()).delayed === 200);
  });

  test('leaves the job of a replica that was killed before the node queue to another replica, counted once', async (t) => {
    const stops = new Stops(t);
    const server = await redisServer(stops, false);
    const prefix = `t-${randomUUID()}`;
    const witness = replicaOn(stops, { url: server.url, prefix, dispatching: false });
    await ready(witness);
    const keys = redisKeys(prefix);
    const admission = new LaneAdmission(witness.connections.commands, keys);
    const lane = new LanePolicies({ ratePerSecond: 0, maxInFlight: 10_000 }).laneOf(ca);
    await enrol(witness, 'node-a', [reportOf({ id: 'v1' })]);
    const doomed = new Worker(dueQueueName, null, {
      connection: witness.connections.create('worker', 'doomed'),
      prefix: keys.controller,
      lockDuration: 1_000,
      autorun: false,
    });
    const job = await doomed.getNextJob('doomed', { block: false });
    assert.ok(job.id);
    const request = { id: job.id, renewal: job.id, volume: 'node-a/v1', latestStartMs: 1e15, notAfterMs: 1e15 };
    await admission.admit(lane, request);
    // The job stays locked, as after a kill: it is not moved, and its lock is not extended.
    await doomed.close(true);
    assert.equal(await witness.dispatcher.nodeQueues.waiting('node-a'), 0);
    witness.dispatcher.start();
    await until(async () => (await witness.dispatcher.nodeQueues.waiting('node-a')) === 1);
    assert.equal((await witness.dispatcher.lanes.state(ca)).inFlight, 1);
  });
});

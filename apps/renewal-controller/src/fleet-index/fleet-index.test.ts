import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { VolumeReport } from '@certfleet/shared/gen/fleet/v1/fleet.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { reportOf, silentLogger, until } from '../dispatch/testing/test-fleet.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { FleetFollower } from './view/fleet-follower.ts';
import type { FleetFollowerParts } from './view/fleet-follower.ts';
import { FleetIndex } from './fleet-index.ts';
import { nodeLimits } from './write/node-limits.ts';
import type { NodeSession } from './model/node-session.ts';
import type { ReportSink } from './model/report-sink.ts';
import type { VolumeChange } from './model/volume-change.ts';

let server: RedisServer;
let redis: RedisClient;
const stops: (() => void)[] = [];

const info = { agentVersion: '1', connectedTo: 'replica-0' };

interface Received {
  readonly changed: VolumeChange[];
  readonly confirmed: string[];
  readonly forgotten: string[];
}

function indexOf(keys = redisKeys(`t-${randomUUID()}`)): { index: FleetIndex; received: Received; keys: RedisKeys } {
  const received: Received = { changed: [], confirmed: [], forgotten: [] };
  return {
    index: new FleetIndex({ redis, keys, sink: sinkOf(received), clock: systemClock, logger: silentLogger }),
    received,
    keys,
  };
}

function sinkOf(received: Received): ReportSink {
  return {
    changed: (changes: readonly VolumeChange[]) => Promise.resolve(void received.changed.push(...changes)),
    confirmed: (volumes: readonly { readonly volumeId: string }[]) =>
      Promise.resolve(void received.confirmed.push(...volumes.map(({ volumeId }) => volumeId))),
    deferred: () => Promise.resolve(),
    forgotten: (node: string) => Promise.resolve(void received.forgotten.push(node)),
  };
}

function followerOf(keys: RedisKeys, parts: Partial<FleetFollowerParts> = {}): FleetFollower {
  const own = createRedis({ url: server.url }, 'worker', 'follower');
  own.on('error', () => undefined);
  const follower = new FleetFollower({ redis: own, keys, clock: systemClock, logger: silentLogger, ...parts });
  follower.start();
  stops.push(() => follower.stop());
  return follower;
}

const names = (changes: readonly VolumeChange[]): readonly string[] =>
  changes.map(({ previous, current }) => `${previous?.generation ?? '-'}>${current?.generation ?? '-'}`);

describe('FleetIndex', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });
  afterEach(() => {
    for (const stop of stops.splice(0).reverse()) stop();
  });

  test('replaces the volumes of a node by its snapshot, and changes nothing for an equal snapshot', async () => {
    const { index, received } = indexOf();
    const session = await index.openSession('node-a', info);
    const times = { notBeforeMs: 1, renewAtMs: 2, notAfterMs: 3 };
    const reports = ['v1', 'v2', 'v3'].map((id) => reportOf({ id, ...times }));
    await index.applySnapshot(session, [reports.slice(0, 2), reports.slice(2)]);
    assert.deepEqual(names(received.changed.splice(0)), ['->1', '->1', '->1']);
    await index.applySnapshot(session, [reports]);
    assert.deepEqual(received.changed, []);
    assert.deepEqual(received.confirmed, ['v1', 'v2', 'v3']);
    await index.applySnapshot(session, [[reportOf({ id: 'v2', ...times, generation: 2 })]]);
    assert.deepEqual([...names(received.changed)].sort(), ['1>-', '1>-', '1>2']);
  });

  test('rejects reports of an older stream of a node', async () => {
    const { index, received } = indexOf();
    const older = await index.openSession('node-a', info);
    await index.applyDelta(older, [reportOf({ id: 'v1' })], []);
    const newer = await index.openSession('node-a', info);
    await index.applyDelta(newer, [reportOf({ id: 'v1', generation: 2 })], []);
    received.changed.splice(0);
    await assert.rejects(index.applyDelta(older, [reportOf({ id: 'v1' })], ['v1']), { code: 'aborted' });
    await assert.rejects(index.applySnapshot(older, [[]]), { code: 'aborted' });
    assert.deepEqual(received.changed, []);
    assert.deepEqual([await index.nodeSeen(older), await index.nodeSeen(newer)], ['superseded', 'current']);
  });

  test('opens a session only after the expected one, and only once', async () => {
    const { index } = indexOf();
    const before = await index.currentSession('node-entry');
    assert.equal(before, '');
    const entry = { id: 'newer', expected: before };
    await index.openSession('node-entry', info, entry);
    await index.openSession('node-entry', info, entry);
    assert.equal(await index.currentSession('node-entry'), 'newer');
    const stale = index.openSession('node-entry', info, { id: 'abandoned', expected: before });
    await assert.rejects(stale, { code: 'aborted', reason: 'Superseded' });
    assert.equal(await index.currentSession('node-entry'), 'newer');
  });

  test('stores volumes under the reporting node only', async () => {
    const { index, received, keys } = indexOf();
    await index.applyDelta(await index.openSession('node-a', info), [reportOf({ id: 'v1' })], []);
    await index.applyDelta(await index.openSession('node-b', info), [reportOf({ id: 'v1', generation: 9 })], ['v1']);
    assert.deepEqual(names(received.changed), ['->1', '->9', '9>-']);
    assert.equal(await redis.hlen(keys.volumes('node-a')), 1);
  });

  test('refuses an invalid report without affecting the others', async () => {
    const { index, received } = indexOf();
    const session = await index.openSession('node-a', info);
    await index.applyDelta(session, [{ ...reportOf({ id: 'v1' }), volumeId: '' }, reportOf({ id: 'v2' })], []);
    assert.deepEqual(
      received.changed.map(({ current }) => current?.volumeId),
      ['v2'],
    );
  });

  test('passes every change to the view, including those of another replica', async () => {
    const { index, keys, received } = indexOf();
    const { index: other } = indexOf(keys);
    const before = await index.openSession('node-a', info);
    await index.applyDelta(before, [reportOf({ id: 'v0' })], []);
    const { view } = followerOf(keys);
    await until(() => view.size === 1);
    const session = await other.openSession('node-b', info);
    await other.applySnapshot(session, [Array.from({ length: 300 }, (_, i) => reportOf({ id: `v${i}` }))]);
    await until(() => view.size === 301);
    await other.applyDelta(session, [reportOf({ id: 'v7', generation: 5 })], ['v8']);
    await until(() => view.size === 300 && view.volume('node-b', 'v7')?.generation === 5);
    await index.forgetNode('node-b');
    await until(() => view.size === 1);
    assert.deepEqual(received.forgotten, ['node-b']);
    assert.deepEqual(
      view.nodes().map(({ node }) => node),
      ['node-a'],
    );
  });

  test('reloads the view after missed changes', async () => {
    const { index, keys } = indexOf();
    const session = await index.openSession('node-a', info);
    await index.applyDelta(session, [reportOf({ id: 'v1' })], []);
    const { view } = followerOf(keys);
    await until(() => view.size === 1);
    // The stream continues after a gap, as after a trim or a loss.
    await redis.multi().del(keys.changes).hdel(keys.volumes('node-a'), 'v1').exec();
    await index.applyDelta(session, [reportOf({ id: 'v2' })], []);
    await until(() => view.volume('node-a', 'v2') !== undefined);
    assert.equal(view.size, 1);
  });

  test('reads last-seen times at the interval of fast heartbeats', async () => {
    const { index, keys } = indexOf();
    const session = await index.openSession('node-a', info);
    let monotonicMs = 1_000;
    const clock = { ...systemClock, monotonic: () => monotonicMs };
    const { view } = followerOf(keys, { clock, seenEveryMs: 100 });
    const lastSeenMs = (): number => view.nodes()[0]?.lastSeenMs ?? 0;
    await until(() => lastSeenMs() > 0);
    const firstMs = lastSeenMs();
    await until(async () => Number(await redis.zscore(keys.seen, 'node-a')) > firstMs + 5 || (await beat(session)));
    monotonicMs += 100;
    await until(() => lastSeenMs() > firstMs);

    async function beat(of: NodeSession): Promise<false> {
      await index.nodeSeen(of);
      return false;
    }
  });

  test('shows last-seen times in the clock of the replica', async () => {
    const { index, keys } = indexOf();
    await index.openSession('node-a', info);
    const aheadMs = 45 * 60_000;
    const clock = { ...systemClock, now: () => Date.now() + aheadMs };
    const { view } = followerOf(keys, { clock });
    await until(() => (view.nodes()[0]?.lastSeenMs ?? 0) > 0);
    assert.deepEqual(view.silentNodes(clock.now(), 30_000), []);
  });

  test('reports a lost Redis as not current, and stops during a pending read', async () => {
    const mortal = await startRedisServer();
    const own = createRedis({ url: mortal.url }, 'worker', 'follower');
    own.on('error', () => undefined);
    const keys = redisKeys(`t-${randomUUID()}`);
    const follower = new FleetFollower({ redis: own, keys, clock: systemClock, logger: silentLogger });
    follower.start();
    await until(() => follower.isCurrent);
    await mortal.stop();
    await until(() => own.status === 'reconnecting');
    assert.equal(follower.isCurrent, false);
    follower.stop();
  });

  test("limits a node's share of Redis, whatever it reports and over how many streams", async () => {
    const { index, keys, received } = indexOf();
    const lines: string[] = [];
    const logger = createLogger(1, { write: (line: string) => void lines.push(line) });
    const logged = new FleetIndex({ redis, keys, sink: sinkOf(received), clock: systemClock, logger });
    const blank = VolumeReport.fromPartial({});
    const small = (from: number, count: number): VolumeReport[] =>
      Array.from({ length: count }, (_, i) => ({ ...blank, volumeId: `v${from + i}` }));
    for (let round = 0; round < 2; round += 1) {
      const session = await logged.openSession('node-a', info);
      await logged.applyDelta(session, small(round * 4_000, 4_000), []);
    }
    assert.equal(await redis.hlen(keys.volumes('node-a')), nodeLimits.volumes);
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { refused?: number }).refused),
      [3_000],
    );
    // Existing volumes can still be renewed, and removed ones make room.
    const session = await index.openSession('node-a', info);
    await index.applyDelta(session, [{ ...blank, volumeId: 'v0', generation: 2 }], ['v1', 'x'.repeat(80_000)]);
    await index.applyDelta(session, [{ ...blank, volumeId: 'new' }], []);
    assert.equal(await redis.hexists(keys.volumes('node-a'), 'new'), 1);
  });

  test('limits the bytes of a node, and drops the display texts of a record that is too long', async () => {
    const { index, keys } = indexOf();
    const session = await index.openSession('node-a', info);
    const names = (of: string): string[] => Array.from({ length: 64 }, (_, i) => `${of}${i}`.padEnd(256, '\u0001'));
    const fat = (id: string): VolumeReport => {
      const { certificate, ...rest } = reportOf({ id });
      assert.ok(certificate);
      return {
        ...rest,
        certificate: { ...certificate, dnsNames: names('d'), uris: names('u'), ipAddresses: names('i') },
      };
    };
    const long = fat('fat');
    assert.ok(long.certificate);
    await index.applyDelta(session, [long], []);
    assert.ok(await redis.hexists(keys.volumes('node-a'), 'fat'));
    const fillers = Array.from({ length: 2_000 }, (_, i) => {
      const filler = fat(`f${i}`);
      assert.ok(filler.certificate);
      const dnsNames = Array.from({ length: 40 }, (_each, at) => `${i}-${at}`.padEnd(256, 'x'));
      return { ...filler, certificate: { ...filler.certificate, dnsNames, uris: [], ipAddresses: [] } };
    });
    await index.applyDelta(session, fillers, []);
    const values = await redis.hvals(keys.volumes('node-a'));
    const bytes = values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
    assert.ok(bytes <= nodeLimits.bytes && bytes > nodeLimits.bytes - nodeLimits.volumeBytes, `${bytes}`);
    assert.ok(values.every((value) => Buffer.byteLength(value) <= nodeLimits.volumeBytes));
    assert.equal(Number(await redis.hget(keys.sizes, 'node-a')), bytes);
    await index.applySnapshot(session, [[reportOf({ id: 'only' })]]);
    const [only = ''] = await redis.hvals(keys.volumes('node-a'));
    assert.equal(Number(await redis.hget(keys.sizes, 'node-a')), Buffer.byteLength(only));
  });

  test('logs one line for a message of only refusals, and does not block the event loop', async () => {
    const { keys, received } = indexOf();
    const lines: string[] = [];
    const logger = createLogger(1, { write: (line: string) => void lines.push(line) });
    const index = new FleetIndex({ redis, keys, sink: sinkOf(received), clock: systemClock, logger });
    const session = await index.openSession('node-a', info);
    let turns = 0;
    const count = (): void => void ((turns += 1), (immediate = setImmediate(count)));
    let immediate = setImmediate(count);
    const nothing = Array.from({ length: 400_000 }, () => VolumeReport.fromPartial({}));
    turns = 0;
    await index.applyDelta(session, nothing, []);
    clearImmediate(immediate);
    assert.ok(turns >= 40, `${turns} turns of the event loop`);
    assert.equal(lines.length, 1);
    assert.equal((JSON.parse(lines[0] ?? '') as { refused: number }).refused, 400_000);
    assert.ok((lines[0] ?? '').length < 1_000);
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { reportOf, silentLogger, until } from '../dispatch/testing/test-fleet.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { FleetFollower } from './fleet-follower.ts';
import type { FleetFollowerParts } from './fleet-follower.ts';
import { FleetIndex } from './fleet-index.ts';
import type { NodeSession } from './node-session.ts';
import type { VolumeChange } from './volume-change.ts';

let server: RedisServer;
let redis: RedisClient;
const stops: (() => void)[] = [];

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

const info = { agentVersion: '1', connectedTo: 'replica-0' };

interface Told {
  readonly changed: VolumeChange[];
  readonly confirmed: string[];
  readonly forgotten: string[];
}

function indexOf(keys = redisKeys(`t-${randomUUID()}`)): { index: FleetIndex; told: Told; keys: RedisKeys } {
  const told: Told = { changed: [], confirmed: [], forgotten: [] };
  const sink = {
    changed: (changes: readonly VolumeChange[]) => Promise.resolve(void told.changed.push(...changes)),
    confirmed: (volumes: readonly { readonly volumeId: string }[]) =>
      Promise.resolve(void told.confirmed.push(...volumes.map(({ volumeId }) => volumeId))),
    forgotten: (node: string) => Promise.resolve(void told.forgotten.push(node)),
  };
  return { index: new FleetIndex({ redis, keys, sink, clock: systemClock, logger: silentLogger }), told, keys };
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

test('a snapshot replaces what was known of its node, and the same one again changes nothing', async () => {
  const { index, told } = indexOf();
  const session = await index.openSession('node-a', info);
  const times = { notBeforeMs: 1, renewAtMs: 2, notAfterMs: 3 };
  const reports = ['v1', 'v2', 'v3'].map((id) => reportOf({ id, ...times }));
  await index.applySnapshot(session, [reports.slice(0, 2), reports.slice(2)]);
  assert.deepEqual(names(told.changed.splice(0)), ['->1', '->1', '->1']);
  await index.applySnapshot(session, [reports]);
  assert.deepEqual(told.changed, []);
  assert.deepEqual(told.confirmed, ['v1', 'v2', 'v3']);
  await index.applySnapshot(session, [[reportOf({ id: 'v2', ...times, generation: 2 })]]);
  assert.deepEqual([...names(told.changed)].sort(), ['1>-', '1>-', '1>2']);
});

test('an older stream of a node cannot undo what the newer one reported', async () => {
  const { index, told } = indexOf();
  const older = await index.openSession('node-a', info);
  await index.applyDelta(older, [reportOf({ id: 'v1' })], []);
  const newer = await index.openSession('node-a', info);
  await index.applyDelta(newer, [reportOf({ id: 'v1', generation: 2 })], []);
  told.changed.splice(0);
  await assert.rejects(index.applyDelta(older, [reportOf({ id: 'v1' })], ['v1']), { code: 'aborted' });
  await assert.rejects(index.applySnapshot(older, [[]]), { code: 'aborted' });
  assert.deepEqual(told.changed, []);
  assert.deepEqual([await index.nodeSeen(older), await index.nodeSeen(newer)], ['superseded', 'current']);
});

test('a session follows the one that was looked at alone, and opening it twice is opening it once', async () => {
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

test('a node reports for itself alone, whatever volume it names', async () => {
  const { index, told, keys } = indexOf();
  await index.applyDelta(await index.openSession('node-a', info), [reportOf({ id: 'v1' })], []);
  await index.applyDelta(await index.openSession('node-b', info), [reportOf({ id: 'v1', generation: 9 })], ['v1']);
  assert.deepEqual(names(told.changed), ['->1', '->9', '9>-']);
  assert.equal(await redis.hlen(keys.volumes('node-a')), 1);
});

test('a report that makes no sense costs its own volume only', async () => {
  const { index, told } = indexOf();
  const session = await index.openSession('node-a', info);
  await index.applyDelta(session, [{ ...reportOf({ id: 'v1' }), volumeId: '' }, reportOf({ id: 'v2' })], []);
  assert.deepEqual(
    told.changed.map(({ current }) => current?.volumeId),
    ['v2'],
  );
});

test('a view follows every change, also one that another replica makes', async () => {
  const { index, keys, told } = indexOf();
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
  assert.deepEqual(told.forgotten, ['node-b']);
  assert.deepEqual(
    view.nodes().map(({ node }) => node),
    ['node-a'],
  );
});

test('a view that missed changes loads the whole again', async () => {
  const { index, keys } = indexOf();
  const session = await index.openSession('node-a', info);
  await index.applyDelta(session, [reportOf({ id: 'v1' })], []);
  const { view } = followerOf(keys);
  await until(() => view.size === 1);
  // The stream goes on from another place than the one where the follower stands, as after a trim or a loss.
  await redis.multi().del(keys.changes).hdel(keys.volumes('node-a'), 'v1').exec();
  await index.applyDelta(session, [reportOf({ id: 'v2' })], []);
  await until(() => view.volume('node-a', 'v2') !== undefined);
  assert.equal(view.size, 1);
});

test('a follower of quick heartbeats looks for them as often', async () => {
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

test('when a node was heard of is shown in the time of the replica that shows it', async () => {
  const { index, keys } = indexOf();
  await index.openSession('node-a', info);
  const aheadMs = 45 * 60_000;
  const clock = { ...systemClock, now: () => Date.now() + aheadMs };
  const { view } = followerOf(keys, { clock });
  await until(() => (view.nodes()[0]?.lastSeenMs ?? 0) > 0);
  assert.deepEqual(view.silentNodes(clock.now(), 30_000), []);
});

test('a follower that has lost Redis says so, and stops with its read unanswered', async () => {
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

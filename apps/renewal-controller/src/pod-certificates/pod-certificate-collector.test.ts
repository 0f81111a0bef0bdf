import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { PodCertificateCollector } from './pod-certificate-collector.ts';
import { stateOf } from './pod-certificate-row.ts';
import { PodCertificateStore } from './pod-certificate-store.ts';
import { PodCertificateView } from './pod-certificate-view.ts';
import { FakeApiServer } from './testing/fake-api-server.ts';
import { podObject, requestObject } from './testing/objects.ts';

const nowMs = Date.parse('2026-11-30T12:00:00Z');
const issued = { type: 'Issued', lifetimeMs: 86_400_000 } as const;
const requests = 'podcertificaterequests';
const silent = createLogger(0, { write: () => undefined });

let server: RedisServer;
let redis: RedisClient;

/** A replica of the controller: what follows pod certificates, and what shows them. */
interface Replica {
  readonly collector: PodCertificateCollector;
  readonly view: PodCertificateView;
  announced: number;
}

/** A world of its own: an API server, keys in Redis, and a clock. */
class World {
  readonly api = new FakeApiServer();
  readonly clock = new ManualClock(nowMs);
  readonly keys: RedisKeys = redisKeys(`t-${randomUUID()}`);
  readonly replicas: Replica[] = [];

  constructor(t: TestContext) {
    t.after(async () => {
      for (const { collector } of this.replicas) await collector.stop();
    });
  }

  replica(name: string): Replica {
    const store = new PodCertificateStore({ redis, keys: this.keys, replica: name });
    const { clock, api } = this;
    const announce = (): Promise<void> => Promise.resolve(void (replica.announced += 1));
    const replica: Replica = {
      collector: new PodCertificateCollector({ client: api.client, store, announce, clock, log: silent }),
      view: new PodCertificateView({ store, clock, log: silent }),
      announced: 0,
    };
    this.replicas.push(replica);
    return replica;
  }

  /** Lets the replicas work until all of them see this. */
  async until(holds: (view: PodCertificateView) => boolean): Promise<void> {
    while (!this.replicas.every(({ view }) => holds(view))) {
      // For the back-offs of the watches.
      await this.clock.advance(100);
      for (const { collector, view } of this.replicas) {
        await collector.pass();
        await view.read();
      }
    }
  }

  /** Redis loses everything. */
  async loseRedis(): Promise<void> {
    const { lease, rows, order, removed, state } = this.keys.podCertificates;
    await redis.del(lease, rows, order, removed, state);
  }

  /** A new replica takes over, as after the lease has run out. */
  async takeOver(name: string): Promise<Replica> {
    for (const { collector } of this.replicas.splice(0)) await collector.stop();
    await redis.del(this.keys.podCertificates.lease);
    return this.replica(name);
  }

  add(uid: string, answer?: Parameters<typeof requestObject>[0]['answer']): void {
    this.api.put('pods', podObject({ uid, createdMs: nowMs - 3_600_000 }));
    this.api.put(
      requests,
      requestObject({ uid: `r-${uid}`, podUid: uid, createdMs: nowMs, ...(answer && { answer }) }),
    );
  }
}

/** Pod and state of each row. */
function statesIn({ current }: PodCertificateView): Readonly<Record<string, string>> {
  const states = [...current.rows.values()].map((row) => [row.podUid, stateOf(row, nowMs)] as const);
  return Object.fromEntries(states.sort());
}

const shows = (view: PodCertificateView, states: Readonly<Record<string, string>>): boolean =>
  view.current.following === 'current' && JSON.stringify(statesIn(view)) === JSON.stringify(states);

describe('pod certificates in Redis', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('are followed by one replica and shown by all', async (t) => {
    const world = new World(t);
    const [first, second] = [world.replica('c-1'), world.replica('c-2')];
    assert.equal(first.view.current.following, 'loading');
    world.add('a', issued);
    world.add('b');
    await world.until((view) => shows(view, { a: 'issued', b: 'pending' }));
    assert.deepEqual([world.api.watches('pods'), world.api.watches(requests)], [1, 1]);
    world.api.put(requests, requestObject({ uid: 'r-b', podUid: 'b', createdMs: nowMs, answer: issued }));
    world.api.remove('pods', 'a');
    await world.until((view) => shows(view, { b: 'issued' }));
    assert.ok(first.announced + second.announced > 0);
    const { announced } = first;
    await first.collector.pass();
    assert.equal(first.announced, announced);
  });

  test('outlive the requests of the API server, a missed deletion and a change of the replica', async (t) => {
    const world = new World(t);
    world.replica('c-1');
    world.add('a', issued);
    world.add('b', issued);
    await world.until((view) => shows(view, { a: 'issued', b: 'issued' }));
    world.api.remove(requests, 'r-a');
    world.api.expire(requests);
    world.api.removeUnseen('pods', 'b');
    await world.until((view) => shows(view, { a: 'issued' }));
    await world.takeOver('c-2');
    world.add('c');
    await world.until((view) => shows(view, { a: 'issued', c: 'pending' }));
  });

  test('are written again after a loss of Redis, and unknown if the replica is lost too', async (t) => {
    const world = new World(t);
    const { collector, view } = world.replica('c-1');
    world.add('a', issued);
    await world.until((shown) => shows(shown, { a: 'issued' }));
    world.api.remove(requests, 'r-a');
    await world.loseRedis();
    // What RedisConnections reports.
    collector.storeLost();
    view.readAgain();
    await view.read();
    assert.deepEqual(statesIn(view), { a: 'issued' });
    await world.until((shown) => shows(shown, { a: 'issued' }));
    await world.loseRedis();
    await world.takeOver('c-2');
    await world.until((shown) => shows(shown, { a: 'unknown' }));
    const refreshed = { uid: 'r-2', podUid: 'a', createdMs: nowMs + 60_000, answer: issued };
    world.api.put(requests, requestObject(refreshed));
    await world.until((shown) => shows(shown, { a: 'issued' }));
  });

  test('are removed again if a failover has lost the removal', async (t) => {
    const world = new World(t);
    const { collector } = world.replica('c-1');
    world.add('a', issued);
    world.add('b', issued);
    await world.until((view) => shows(view, { a: 'issued', b: 'issued' }));
    const before = await redis.hgetall(world.keys.podCertificates.rows);
    world.api.remove('pods', 'b');
    await world.until((view) => shows(view, { a: 'issued' }));
    await redis.hset(world.keys.podCertificates.rows, before);
    collector.storeLost();
    await world.until((view) => shows(view, { a: 'issued' }));
    await collector.pass();
    assert.equal(await redis.hlen(world.keys.podCertificates.rows), 1);
  });

  test('are not overwritten by a replica that has lost the lease without noticing', async (t) => {
    const world = new World(t);
    world.replica('c-1');
    world.add('a', issued);
    await world.until((view) => shows(view, { a: 'issued' }));
    const late = new PodCertificateStore({ redis, keys: world.keys, replica: 'c-0' });
    assert.equal(await late.write([{ id: 'x', json: '{}' }]), false);
    await late.note({ problem: 'late', isFollowing: false });
    await world.until((view) => shows(view, { a: 'issued' }));
    await redis.set(world.keys.podCertificates.lease, 'c-0');
    world.add('b');
    await world.replicas[0]?.collector.pass();
    await world.replicas[0]?.view.read();
    assert.deepEqual(
      world.replicas.map(({ view }) => statesIn(view)),
      [{ a: 'issued' }],
    );
    assert.equal(world.api.watches(requests), 0);
  });

  test('say why they are outdated', async (t) => {
    const world = new World(t);
    const { view } = world.replica('c-1');
    world.api.served = [];
    await world.until(({ current }) => current.problem?.includes('serves no PodCertificateRequests') === true);
    assert.equal(view.current.following, 'outdated');
    world.api.served = ['v1beta1'];
    world.add('a', issued);
    await world.until((shown) => shows(shown, { a: 'issued' }));
    world.api.refusal = new CertfleetError('permission-denied', 'pods is forbidden');
    world.api.expire('pods');
    await world.until(({ current }) => current.problem === 'cannot follow the pods: pods is forbidden');
    world.api.refusal = undefined;
    await world.until((shown) => shows(shown, { a: 'issued' }));
    await world.clock.advance(10_001);
    assert.match(view.current.problem ?? '', /Redis does not answer/);
    // Redis' own clock decides whether a replica follows the API server.
    await world.takeOver('c-2');
    await redis.hset(world.keys.podCertificates.state, 'noted', Date.now() - 100_000);
    await view.read();
    assert.match(view.current.problem ?? '', /no replica follows/);
    assert.deepEqual(statesIn(view), { a: 'issued' });
  });

  test('are unknown if nobody followed them for longer than the API server keeps their refresh', async (t) => {
    const world = new World(t);
    world.replica('c-1');
    const old = { uid: 'r-a', podUid: 'a', createdMs: nowMs - 80_000_000, answer: issued };
    world.api.put('pods', podObject({ uid: 'a' }));
    world.api.put(requests, requestObject(old));
    await world.until((view) => shows(view, { a: 'overdue' }));
    world.api.remove(requests, 'r-a');
    world.api.expire(requests);
    await world.until((view) => shows(view, { a: 'overdue' }));
    await world.takeOver('c-2');
    await redis.hset(world.keys.podCertificates.state, 'followed', Date.now() - 1_000_000);
    await world.until((view) => shows(view, { a: 'unknown' }));
  });

  test('are read in parts, and from the beginning by a reader that missed removals', async (t) => {
    const world = new World(t);
    const store = new PodCertificateStore({ redis, keys: world.keys, replica: 'c-1', removalsKept: 10 });
    await store.takeLease();
    const view = new PodCertificateView({ store, clock: world.clock, log: silent });
    const json = (id: number): string =>
      JSON.stringify({ v: 1, podUid: `p${id}`, isFollowed: false, node: 'n', volumes: [] });
    const write = (ids: readonly number[], toJson: (id: number) => string): Promise<boolean> =>
      store.write(ids.map((id) => ({ id: `id-${id}`, json: toJson(id) })));
    const ids = Array.from({ length: 1_200 }, (_, i) => i);
    await write(ids, json);
    await view.read();
    assert.equal(view.current.rows.size, 1_200);
    // A removal within the number that is kept, then more of them.
    await write([0], () => '');
    await view.read();
    assert.equal(view.current.rows.size, 1_199);
    await write(ids.slice(1, 40), () => '');
    await write([1], json);
    await view.read();
    assert.equal(view.current.rows.size, 1_161);
    // One that begins now does not count what was forgotten before.
    const later = new PodCertificateView({ store, clock: world.clock, log: silent });
    await later.read();
    assert.deepEqual([...later.current.rows.keys()].sort(), [...view.current.rows.keys()].sort());
    assert.ok((await redis.zcard(world.keys.podCertificates.removed)) <= 10);
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { LanePolicies } from './lane-policies.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { LaneStore } from './lane-store.ts';
import { SimulatedLane, maxWithin } from './testing/simulated-lane.ts';
import type { Arrival, SimulatedIssuer } from './testing/simulated-lane.ts';

let server: RedisServer;
let redis: RedisClient;

const issuer = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const startMs = Date.UTC(2026, 0, 5, 12);
const quick: SimulatedIssuer = () => ({ afterMs: 30, outcome: 'ok' });

function laneWith(policy: Partial<LanePolicy>): { sim: SimulatedLane; store: LaneStore; keys: RedisKeys } {
  const keys = redisKeys(`t-${randomUUID()}`);
  const policies = new LanePolicies(policy);
  const sim = new SimulatedLane(redis, keys, { lane: policies.laneOf(issuer), startMs });
  return { sim, store: new LaneStore(redis, keys, policies), keys };
}

function arrivals(count: number, atMs = startMs): readonly Arrival[] {
  return Array.from({ length: count }, (_, i) => ({ id: `v${i}`, atMs }));
}

describe('LaneAdmission', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('never starts more renewals than rate and burst allow, and moves each waiting renewal once', async () => {
    const { sim } = laneWith({ ratePerSecond: 10, burst: 5, maxInFlight: 1000 });
    sim.arrive(arrivals(200), quick);
    await sim.run();
    assert.equal(sim.starts.length, 200);
    assert.equal(maxWithin(sim.starts, 1000), 14);
    assert.equal(maxWithin(sim.starts, 10_000), 104);
    assert.equal(sim.waits.length, 195);
    const lastMs = Math.max(...sim.starts.map(({ atMs }) => atMs));
    assert.ok(lastMs - startMs <= 19_600, `the queue ended after ${lastMs - startMs} ms`);
  });

  test('keeps the rate when all queued renewals arrive late at once', async () => {
    const { sim } = laneWith({ ratePerSecond: 10, burst: 1, maxInFlight: 1000 });
    // The queue forms, then every replica is down for its whole length.
    for (const { id } of arrivals(50))
      await sim.admission.admit(sim.lane, {
        id,
        renewal: id,
        volume: id,
        latestStartMs: 1e15,
        notAfterMs: 1e15,
      });
    sim.arrive(arrivals(50, startMs + 60_000), quick);
    await sim.run();
    // The first was admitted at once; it is admitted again without being counted twice.
    const later = sim.starts.filter(({ atMs }) => atMs > startMs + 60_000);
    assert.equal(sim.starts.length, 50);
    assert.ok(maxWithin(later, 1000) <= 10);
    assert.ok(sim.waits.length <= 100, `${sim.waits.length} moves`);
  });

  test('never exceeds the in-flight limit, and gives a free slot to the most urgent renewal', async () => {
    const { sim } = laneWith({ ratePerSecond: 0, maxInFlight: 4 });
    const some = arrivals(40).map((arrival, i) => ({ ...arrival, notAfterMs: startMs + 1e9 - i * 1000 }));
    sim.arrive(some, () => ({ afterMs: 500, outcome: 'ok' }));
    await sim.run();
    assert.equal(sim.starts.length, 40);
    assert.equal(Math.max(...sim.starts.map(({ inFlight }) => inFlight)), 4);
    // The first four found the lane empty; afterwards the first to expire starts first.
    assert.equal(sim.starts[4]?.id, 'v39');
    assert.equal(sim.starts.at(-1)?.id, 'v4');
    assert.equal((sim.starts.at(-1)?.atMs ?? 0) - startMs, 4500);
  });

  test('frees the slot of a renewal without a result after the answer timeout', async () => {
    const { sim } = laneWith({ ratePerSecond: 0, maxInFlight: 2, answerTimeoutMs: 60_000 });
    sim.arrive(arrivals(4), () => undefined);
    await sim.run();
    assert.deepEqual(
      sim.starts.map(({ atMs }) => atMs - startMs),
      [0, 0, 60_000, 60_000],
    );
  });

  test('counts a renewal that is admitted twice once', async () => {
    const { sim, store } = laneWith({ ratePerSecond: 1, burst: 1 });
    const request = { id: 'v1', renewal: 'v1', volume: 'v1', latestStartMs: 1e15, notAfterMs: 1e15 };
    const admitted = { admitted: true, urgent: false, requestedBy: [] };
    assert.deepEqual(await sim.admission.admit(sim.lane, request), { ...admitted, again: false });
    assert.deepEqual(await sim.admission.admit(sim.lane, request), { ...admitted, again: true });
    assert.equal((await store.state(issuer)).inFlight, 1);
  });

  test('returns the requesters of a renewal on admission, refusal and settlement', async () => {
    const { sim, keys } = laneWith({ ratePerSecond: 1, burst: 1 });
    await redis.hset(keys.requestedBy, 'v1-3', 'first,!second,third');
    await redis.zadd(keys.cancelled, startMs, 'third');
    const request = { renewal: 'v1-3', volume: 'v1', latestStartMs: 1e15, notAfterMs: 1e15 };
    const requestedBy = ['first', '!second'];
    for (const id of ['v1-3', 'v1-3', 'v1-3-r1'])
      assert.deepEqual((await sim.admission.admit(sim.lane, { ...request, id })).requestedBy, requestedBy);
    const end = { id: 'v1-3', renewal: 'v1-3', outcome: 'ok', volume: 'v1' } as const;
    assert.deepEqual(await sim.admission.settle(sim.lane, end), {
      wasStarted: true,
      requestedBy,
      awaitedBy: [...requestedBy, 'third'],
      promotions: [],
      promotedIds: [],
    });
  });

  test('backs off after failures of different volumes, longer each time, and recovers gradually', async () => {
    const { sim, store } = laneWith({
      ratePerSecond: 0,
      maxInFlight: 16,
      backoff: { threshold: 3, initialMs: 5_000, maxMs: 60_000 },
    });
    const brokenUntilMs = startMs + 120_000;
    const broken: SimulatedIssuer = ({ atMs }) => ({ afterMs: 100, outcome: atMs < brokenUntilMs ? 'failed' : 'ok' });
    // A volume that failed returns as another attempt with another id.
    sim.arrive(
      Array.from({ length: 400 }, (_, i) => ({ id: `v${i}`, atMs: startMs + i * 500 })),
      broken,
    );
    await sim.run(brokenUntilMs);
    const state = await store.state(issuer);
    assert.ok(state.failureStreak >= 5, `streak ${state.failureStreak}`);
    assert.ok(state.pace < 0.2);
    // Without the back-off 240 renewals would have gone to the broken issuer.
    assert.ok(sim.starts.length < 20, `${sim.starts.length} went to the broken issuer`);
    await sim.run();
    assert.equal(sim.starts.length, 400);
    const recovered = sim.starts.filter(({ atMs }) => atMs >= brokenUntilMs);
    const firstMs = recovered[0]?.atMs ?? 0;
    assert.ok(firstMs - brokenUntilMs <= 60_000);
    // One probe first, then a few at a time.
    assert.equal(recovered.filter(({ atMs }) => atMs < firstMs + 100).length, 1);
    assert.ok(recovered.filter(({ atMs }) => atMs < firstMs + 200).length <= 3);
    assert.equal((await store.state(issuer)).pace, 1);
  });

  test('is not delayed by one volume that always fails', async () => {
    const { sim, store } = laneWith({ ratePerSecond: 0, maxInFlight: 16 });
    for (let attempt = 0; attempt < 10; attempt++) {
      const id = `bad-r${attempt}`;
      await sim.admission.admit(sim.lane, {
        id,
        renewal: id,
        volume: id,
        latestStartMs: 1e15,
        notAfterMs: 1e15,
      });
      await sim.admission.settle(sim.lane, { id, renewal: id, outcome: 'failed', volume: 'bad', error: 'refused' });
    }
    const state = await store.state(issuer);
    assert.equal(state.failureStreak, 1);
    assert.equal(state.backoffUntilMs, undefined);
    assert.equal(state.lastError?.message, 'refused');
  });

  test('starts nothing while paused, and resumes at its rate', async () => {
    const { sim, store } = laneWith({ ratePerSecond: 10, burst: 1, maxInFlight: 100 });
    await store.pause(issuer, { by: 'alice', reason: 'maintenance', atMs: startMs, policy: 'maintenance' });
    sim.arrive(
      arrivals(30).map((arrival) => ({ ...arrival, latestStartMs: startMs })),
      quick,
    );
    sim.at(startMs + 90_000, async () => {
      await store.resume(issuer);
      await sim.advance(quick);
    });
    await sim.run(startMs + 80_000);
    assert.equal(sim.starts.length, 0);
    const paused = await store.state(issuer);
    assert.equal(paused.paused?.by, 'alice');
    assert.equal(paused.blocked, 30);
    await sim.run();
    assert.equal(sim.starts.length, 30);
    assert.ok(maxWithin(sim.starts, 1000) <= 10);
    assert.equal((await store.state(issuer)).paused, undefined);
  });

  for (const skewHours of [0, -30, 30])
    test(`starts only expiring renewals outside its windows, and the others when the window opens by the clock of Redis (${skewHours} h)`, async () => {
      const { sim } = laneWith({
        ratePerSecond: 10,
        burst: 1,
        maxInFlight: 100,
        // startMs is 13:00 in Berlin.
        windows: [{ cron: '0 22 * * *', durationMs: 3_600_000, timeZone: 'Europe/Berlin' }],
      });
      sim.skewMs = skewHours * 3_600_000;
      const opensMs = Date.UTC(2026, 0, 5, 21);
      sim.arrive(arrivals(20), quick);
      sim.arrive([{ id: 'short', atMs: startMs, latestStartMs: startMs + 3_600_000 }], quick);
      sim.arrive([{ id: 'asked', atMs: startMs + 500, ignoreWindows: true }], quick);
      await sim.run();
      assert.deepEqual(
        sim.starts.slice(0, 3).map(({ id, atMs, urgent }) => ({ id, afterMs: atMs - startMs, urgent })),
        [
          { id: 'short', afterMs: 0, urgent: true },
          { id: 'asked', afterMs: 500, urgent: false },
          { id: 'v0', afterMs: opensMs - startMs, urgent: false },
        ],
      );
      assert.equal(sim.starts.length, 22);
      assert.ok(maxWithin(sim.starts, 1000) <= 10);
    });

  test('uses the last window of all although it is over by the clock of the replica', async () => {
    const { sim } = laneWith({
      ...{ ratePerSecond: 10, burst: 1, maxInFlight: 100 },
      windows: [{ cron: '0 0 22 5 1 * 2026', durationMs: 3_600_000 }],
    });
    sim.skewMs = 30 * 3_600_000;
    sim.arrive(arrivals(20), quick);
    await sim.run();
    const opensMs = Date.UTC(2026, 0, 5, 22);
    assert.equal(sim.starts.length, 20);
    assert.ok(sim.starts.every(({ atMs }) => atMs >= opensMs && atMs < opensMs + 3_600_000));
  });

  test('starts renewals that would expire before their turn first, within the limits', async () => {
    const { sim } = laneWith({ ratePerSecond: 10, burst: 1, maxInFlight: 100 });
    sim.arrive(arrivals(100), quick);
    const hurried = Array.from({ length: 20 }, (_, i) => ({
      id: `u${i}`,
      atMs: startMs + 500,
      latestStartMs: startMs + 3000,
    }));
    sim.arrive(hurried, quick);
    await sim.run();
    assert.equal(sim.starts.length, 120);
    assert.ok(maxWithin(sim.starts, 1000) <= 10);
    const last = Math.max(...sim.starts.filter(({ id }) => id.startsWith('u')).map(({ atMs }) => atMs));
    assert.ok(last - startMs <= 3000, `the last urgent one started after ${last - startMs} ms`);
  });

  test('leaves no gap after a cancelled queue', async () => {
    const { sim } = laneWith({ ratePerSecond: 1, burst: 1, maxInFlight: 100 });
    const request = (id: string): Parameters<typeof sim.admission.admit>[1] => ({
      id,
      renewal: id,
      volume: id,
      latestStartMs: 1e15,
      notAfterMs: 1e15,
    });
    for (const { id } of arrivals(500)) await sim.admission.admit(sim.lane, request(id));
    for (const { id } of arrivals(500))
      await sim.admission.settle(sim.lane, { id, renewal: id, outcome: 'gone', volume: id });
    const answer = await sim.admission.admit(sim.lane, request('next'));
    assert.ok(!answer.admitted && answer.waitMs <= 1000, JSON.stringify(answer));
  });
});

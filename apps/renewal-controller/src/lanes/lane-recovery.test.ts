import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { LanePolicies } from './lane-policies.ts';
import type { Lane } from './lane-policies.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { LaneStore } from './lane-store.ts';
import { SimulatedLane, maxWithin } from './testing/simulated-lane.ts';
import type { Arrival, SimulatedIssuer } from './testing/simulated-lane.ts';

let server: RedisServer;
let redis: RedisClient;

const issuer = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const startMs = Date.UTC(2026, 0, 5, 12);
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const quick: SimulatedIssuer = () => ({ afterMs: 50, outcome: 'ok' });

function laneOf(policy: Partial<LanePolicy>): Lane {
  return new LanePolicies(policy).laneOf(issuer);
}

function simulated(policy: Partial<LanePolicy>): SimulatedLane {
  return new SimulatedLane(redis, redisKeys(`t-${randomUUID()}`), { lane: laneOf(policy), startMs });
}

function arrivals(count: number, everyMs = 0): readonly Arrival[] {
  return Array.from({ length: count }, (_, i) => ({ id: `v${i}`, atMs: startMs + i * everyMs }));
}

describe('LaneAdmission recovery', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('drains the queue of an outage at full pace soon after the issuer recovers', async () => {
    const sim = simulated({ ratePerSecond: 10, burst: 20, maxInFlight: 50 });
    const backMs = startMs + 30 * minuteMs;
    const outage: SimulatedIssuer = ({ atMs }) => ({ afterMs: 50, outcome: atMs < backMs ? 'failed' : 'ok' });
    // A volume that failed returns later with another id, as a retry does.
    sim.arrive(arrivals(900, 2_000), (start) => {
      const end = outage(start);
      if (end?.outcome === 'failed') sim.arrive([{ id: `${start.id}-r`, atMs: start.atMs + 10 * minuteMs }], outage);
      return end;
    });
    await sim.run();
    const recovered = sim.starts.filter(({ atMs }) => atMs >= backMs);
    const first = recovered[0]?.atMs ?? Infinity;
    // The maximum back-off; then the pace of the lane recovers over some steps.
    assert.ok(first - backMs <= 10 * minuteMs, `the first started after ${first - backMs} ms`);
    const last = recovered.at(-1)?.atMs ?? Infinity;
    assert.ok(last - first <= 3 * minuteMs, `${recovered.length} started within ${last - first} ms of the first`);
    assert.ok(maxWithin(recovered, 1_000) <= 30);
  });

  test('applies a raised rate to queued renewals without waiting for a result', async () => {
    const sim = simulated({ ratePerSecond: 0.01, burst: 1 });
    sim.arrive(arrivals(300), quick);
    await sim.run(startMs + minuteMs);
    assert.equal(sim.starts.length, 1);
    sim.lane = laneOf({ ratePerSecond: 100, burst: 20 });
    await sim.advance(quick);
    await sim.run(startMs + minuteMs + 10_000);
    assert.equal(sim.starts.length, 300);
    assert.ok(maxWithin(sim.starts, 1_000) <= 120);
  });

  test('applies a raised rate to slots that are already close together', async () => {
    const sim = simulated({ ratePerSecond: 5, burst: 1 });
    sim.arrive(arrivals(300), quick);
    await sim.run(startMs + 10_000);
    const before = sim.starts.length;
    sim.lane = laneOf({ ratePerSecond: 50, burst: 1 });
    for (let second = 10; second < 20; second++) sim.at(startMs + second * 1_000, () => sim.advance(quick));
    await sim.run(startMs + 20_000);
    assert.equal(sim.starts.length, 300, `${sim.starts.length - before} started within 10 s at 50 per second`);
    assert.ok(maxWithin(sim.starts, 1_000) <= 55, `${maxWithin(sim.starts, 1_000)} within a second`);
  });

  test('starts all queued renewals within the in-flight limit when the rate limit is removed', async () => {
    const sim = simulated({ ratePerSecond: 0.01, burst: 1, maxInFlight: 1_000 });
    sim.arrive(arrivals(300), quick);
    await sim.run(startMs + minuteMs);
    sim.lane = laneOf({ ratePerSecond: 0, maxInFlight: 40 });
    await sim.advance(quick);
    await sim.run(startMs + minuteMs + 10_000);
    assert.equal(sim.starts.length, 300);
    assert.equal(Math.max(...sim.starts.map(({ inFlight }) => inFlight)), 40);
  });

  test('applies a lowered rate to queued renewals', async () => {
    const sim = simulated({ ratePerSecond: 100, burst: 1 });
    sim.arrive(arrivals(1_000), quick);
    await sim.run(startMs + 1_000);
    sim.lane = laneOf({ ratePerSecond: 1, burst: 1 });
    await sim.run(startMs + 61_000);
    const later = sim.starts.filter(({ atMs }) => atMs > startMs + 1_000);
    assert.ok(later.length >= 55 && later.length <= 61, `${later.length} in a minute`);
    assert.equal(maxWithin(later, 1_000), 1);
  });

  test('starts the queued renewals when windows are removed from the policy', async () => {
    const windows = [{ cron: '0 22 * * *', durationMs: hourMs }];
    const sim = simulated({ ratePerSecond: 10, burst: 1, windows });
    sim.arrive(arrivals(50), quick);
    await sim.run(startMs + minuteMs);
    assert.equal(sim.starts.length, 0);
    sim.lane = laneOf({ ratePerSecond: 10, burst: 1 });
    await sim.advance(quick);
    await sim.run(startMs + minuteMs + 10_000);
    assert.equal(sim.starts.length, 50);
  });

  test('keeps renewals waiting until their window opens, also when it advances', async () => {
    const windows = [{ cron: '0 22 * * *', durationMs: hourMs }];
    const sim = simulated({ ratePerSecond: 10, burst: 1, windows });
    sim.arrive(arrivals(50), quick);
    for (let second = 1; second < 60; second++) sim.at(startMs + second * 1_000, () => sim.advance(quick));
    await sim.run(startMs + minuteMs);
    assert.equal(sim.starts.length, 0);
    assert.equal(sim.waits.length, 50);
  });

  test('starts a renewal that waits for a window when it is requested without windows', async () => {
    const windows = [{ cron: '0 22 * * *', durationMs: hourMs }];
    const sim = simulated({ ratePerSecond: 10, burst: 1, windows });
    sim.arrive(arrivals(50), quick);
    sim.at(startMs + minuteMs, () => sim.hurry('v49', quick));
    await sim.run(startMs + 2 * minuteMs);
    assert.deepEqual(
      sim.starts.map(({ id, atMs }) => [id, atMs - startMs]),
      [['v49', minuteMs]],
    );
  });

  test('moves a queued renewal to the front when it is requested without windows, at the pace of the lane', async () => {
    const sim = simulated({ ratePerSecond: 1, burst: 1 });
    sim.arrive(arrivals(500), quick);
    sim.at(startMs + 10_500, () => sim.hurry('v499', quick));
    await sim.run(startMs + 15_000);
    const hurried = sim.starts.find(({ id }) => id === 'v499');
    assert.ok((hurried?.atMs ?? Infinity) - startMs <= 12_000, `after ${(hurried?.atMs ?? 0) - startMs} ms`);
    assert.ok(maxWithin(sim.starts, 1_000) <= 1);
  });

  test('starts a large request without windows at the pace of the lane, without starving the others', async () => {
    const windows = [{ cron: '0 22 * * *', durationMs: hourMs }];
    const sim = simulated({ ratePerSecond: 10, burst: 1, maxInFlight: 1_000, windows });
    const hurried = arrivals(600).map((arrival) => ({ ...arrival, ignoreWindows: true }));
    sim.arrive(hurried, quick);
    sim.arrive([{ id: 'usual', atMs: startMs }], quick);
    await sim.run(startMs + 2 * minuteMs);
    assert.equal(sim.starts.length, 600);
    assert.ok(maxWithin(sim.starts, 1_000) <= 11);
    await sim.run();
    assert.equal(sim.starts.at(-1)?.id, 'usual');
  });

  test('promotes a renewal again whose promotion was lost', async () => {
    const sim = simulated({ ratePerSecond: 0, maxInFlight: 1 });
    const request = (id: string) => ({ id, renewal: id, volume: `${id}/v`, latestStartMs: 1e15, notAfterMs: 1e15 });
    for (const id of ['first', 'second']) await sim.admission.admit(sim.lane, request(id));
    // The replica that received this response is killed.
    const { promotions } = await sim.admission.settle(sim.lane, { ...request('first'), outcome: 'ok' });
    assert.deepEqual(promotions, [{ id: 'second', inMs: 0 }]);
    assert.deepEqual(await sim.admission.advance(sim.lane), []);
    sim.nowMs += 6_000;
    assert.deepEqual(await sim.admission.advance(sim.lane), [{ id: 'second', inMs: 0 }]);
    const answer = await sim.admission.admit(sim.lane, request('second'));
    assert.ok(answer.admitted);
    assert.deepEqual(await sim.admission.advance(sim.lane), []);
  });

  test('advances a lane only while renewals wait in it', async () => {
    const keys = redisKeys(`t-${randomUUID()}`);
    const policies = new LanePolicies({ ratePerSecond: 1, burst: 1 });
    const sim = new SimulatedLane(redis, keys, { lane: policies.laneOf(issuer), startMs });
    const store = new LaneStore(redis, keys, policies);
    await store.note(sim.lane);
    sim.arrive(arrivals(3), quick);
    await sim.run(startMs + 500);
    assert.deepEqual(await store.queued(), [issuer]);
    await sim.run();
    await sim.advance(quick);
    assert.deepEqual(await store.queued(), []);
  });
});

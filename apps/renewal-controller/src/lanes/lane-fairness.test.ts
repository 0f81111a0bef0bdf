import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { LaneAdmission } from './lane-admission.ts';
import { LanePolicies } from './lane-policies.ts';
import type { LanePolicy } from './lane-policy.ts';
import { LaneStore } from './lane-store.ts';
import { SimulatedLane } from './testing/simulated-lane.ts';
import type { Arrival, SimulatedIssuer, Start } from './testing/simulated-lane.ts';

let server: RedisServer;
let redis: RedisClient;

before(async () => {
  server = await startRedisServer();
  redis = createRedis({ url: server.url }, 'commands', 'test');
  await redis.connect();
});
after(async () => {
  redis.disconnect();
  await server.stop();
});

const issuer = { group: 'cert-manager.io', kind: 'ClusterIssuer', namespace: '', name: 'ca' };
const startMs = Date.UTC(2026, 0, 5, 12);
const minuteMs = 60_000;
const usual = { ratePerSecond: 10, burst: 20, maxInFlight: 50, answerTimeoutMs: minuteMs };

function laneWith(policy: Partial<LanePolicy>): { sim: SimulatedLane; store: LaneStore; keys: RedisKeys } {
  const keys = redisKeys(`t-${randomUUID()}`);
  const policies = new LanePolicies(policy);
  const sim = new SimulatedLane(redis, keys, { lane: policies.laneOf(issuer), startMs });
  return { sim, store: new LaneStore(redis, keys, policies), keys };
}

function of(node: string, count: number, sketch: Partial<Arrival> = {}): readonly Arrival[] {
  return Array.from({ length: count }, (_, i) => ({ id: `${node}-${i}`, atMs: startMs, ...sketch, node }));
}

const isOf =
  (node: string) =>
  ({ id }: Start): boolean =>
    id.startsWith(`${node}-`);

/** Replicas look at lanes every second. */
function advanceEverySecond(sim: SimulatedLane, answers: SimulatedIssuer, seconds: number): void {
  for (let second = 1; second <= seconds; second++) sim.at(startMs + second * 1_000, () => sim.advance(answers));
}

test('a node that never answers has a quarter of the lane, and the others go on', async () => {
  const { sim } = laneWith(usual);
  const answers: SimulatedIssuer = (start) => (isOf('evil')(start) ? undefined : { afterMs: 500, outcome: 'ok' });
  // They expire first, and so are the most urgent of those that wait.
  sim.arrive(of('evil', 2_000, { notAfterMs: startMs + 3_600_000 }), answers);
  sim.arrive(of('good', 50, { atMs: startMs + 8_000 }), answers);
  advanceEverySecond(sim, answers, 40);
  await sim.run(startMs + 40_000);
  assert.equal(sim.starts.filter(isOf('evil')).length, 13);
  const good = sim.starts.filter(isOf('good'));
  assert.equal(good.length, 50);
  const lastMs = (good.at(-1)?.atMs ?? 0) - startMs - 8_000;
  assert.ok(lastMs <= 10_000, `50 at 10 a second took ${lastMs} ms`);
});

test('the urgent of one node do not keep those of others from starting', async () => {
  const { sim } = laneWith(usual);
  const answers: SimulatedIssuer = (start) => (isOf('evil')(start) ? undefined : { afterMs: 500, outcome: 'ok' });
  sim.arrive(of('evil', 500, { latestStartMs: startMs - 1, notAfterMs: startMs + minuteMs }), answers);
  sim.arrive(of('good', 50, { atMs: startMs + 1_000, latestStartMs: startMs, notAfterMs: startMs + 5_000 }), answers);
  advanceEverySecond(sim, answers, 30);
  await sim.run(startMs + 30_000);
  assert.equal(sim.starts.filter(isOf('good')).length, 50);
});

test('a node alone in a small lane has all of it, and shares as soon as another comes', async () => {
  const { sim } = laneWith({ ratePerSecond: 0, maxInFlight: 4, answerTimeoutMs: minuteMs });
  const answers: SimulatedIssuer = ({ atMs }) => (atMs < startMs + 1 ? undefined : { afterMs: 1_000, outcome: 'ok' });
  sim.arrive(of('first', 10), answers);
  await sim.run(startMs + 500);
  assert.equal(sim.starts.length, 4);
  sim.arrive(of('second', 10, { atMs: startMs + 30_000 }), answers);
  advanceEverySecond(sim, answers, 120);
  await sim.run(startMs + 120_000);
  assert.equal(sim.starts.length, 20);
  // The slots that were taken before are given up after a minute; from then on each has its part.
  const second = sim.starts.filter(isOf('second'));
  assert.ok((second.at(-1)?.atMs ?? 0) - startMs <= 75_000, `after ${(second.at(-1)?.atMs ?? 0) - startMs} ms`);
});

test('a node with more than its share has all of them done, as fast as they are answered', async () => {
  const { sim, store } = laneWith({ ratePerSecond: 0, maxInFlight: 40 });
  const answers: SimulatedIssuer = () => ({ afterMs: 1_000, outcome: 'ok' });
  sim.arrive(of('node', 110), answers);
  await sim.run(startMs + 500);
  const { inFlight, blocked } = await store.state(issuer);
  assert.deepEqual([inFlight, blocked], [10, 100]);
  await sim.run();
  assert.equal(sim.starts.length, 110);
  assert.equal(Math.max(...sim.starts.map((start) => start.inFlight)), 10);
  assert.equal((sim.starts.at(-1)?.atMs ?? 0) - startMs, 10_000);
});

test('a node that waits for its share while its lane is paused is called after the resume', async () => {
  const { sim, store } = laneWith({ ratePerSecond: 0, maxInFlight: 20 });
  const answers: SimulatedIssuer = () => ({ afterMs: 100, outcome: 'ok' });
  await store.pause(issuer, { by: 'me', reason: 'test', atMs: startMs });
  sim.arrive(of('node', 60), answers);
  sim.at(startMs + minuteMs, () => store.resume(issuer));
  advanceEverySecond(sim, answers, 90);
  await sim.run(startMs + minuteMs - 1);
  assert.equal((await store.state(issuer)).blocked, 60);
  await sim.run(startMs + 90_000);
  assert.equal(sim.starts.length, 60);
});

test('failures that one node reports hold back that node alone', async () => {
  const { sim, store } = laneWith(usual);
  const answers: SimulatedIssuer = (start) => ({ afterMs: 50, outcome: isOf('evil')(start) ? 'failed' : 'ok' });
  sim.arrive(of('evil', 200), answers);
  await sim.run(startMs + 2_000);
  const { backoffUntilMs, pace, failureStreak } = await store.state(issuer);
  assert.deepEqual([backoffUntilMs, pace, failureStreak], [undefined, 1, 1]);
  // Its own renewals rest, as they do where a lane has no other node.
  const sent = sim.starts.length;
  assert.ok(sent <= 13, `${sent} of 200 were sent`);
  sim.arrive(of('good', 50, { atMs: startMs + 2_000 }), answers);
  advanceEverySecond(sim, answers, 12);
  await sim.run(startMs + 12_000);
  assert.equal(sim.starts.filter(isOf('good')).length, 50);
});

test('a node whose reports of failures alternate with those of one honest volume does not stop the lane', async () => {
  const { sim, store } = laneWith(usual);
  const fail = (node: string, id: string): Promise<unknown> =>
    sim.admission.settle(sim.lane, { id, renewal: id, outcome: 'failed', volume: `${node}/${id}` });
  for (let i = 0; i < 50; i++) {
    await fail('evil', `e${i}`);
    await fail('good', 'refused-name');
  }
  assert.equal((await store.state(issuer)).backoffUntilMs, undefined);
});

test('failures that several nodes see in a row are the fault of the issuer', async () => {
  const { sim, store } = laneWith(usual);
  for (const node of ['a', 'b', 'c'])
    await sim.admission.settle(sim.lane, { id: node, renewal: node, outcome: 'failed', volume: `${node}/v` });
  const { backoffUntilMs, pace } = await store.state(issuer);
  assert.ok((backoffUntilMs ?? 0) > startMs);
  assert.ok(pace < 1);
});

test('one node cannot prolong the rest of a lane whose issuer is well again', async () => {
  const { sim, store } = laneWith(usual);
  for (const node of ['a', 'b', 'evil'])
    await sim.admission.settle(sim.lane, { id: node, renewal: node, outcome: 'failed', volume: `${node}/v` });
  const until = (await store.state(issuer)).backoffUntilMs ?? 0;
  sim.nowMs = until + 1;
  for (let i = 0; i < 20; i++)
    await sim.admission.settle(sim.lane, { id: `e${i}`, renewal: 'e', outcome: 'failed', volume: `evil/${i}` });
  assert.equal((await store.state(issuer)).backoffUntilMs, until);
});

test('a single node whose issuer is away asks it seldom, and goes on when it is back', async () => {
  const { sim } = laneWith(usual);
  const backMs = startMs + 10 * minuteMs;
  const answers: SimulatedIssuer = ({ atMs }) => ({ afterMs: 50, outcome: atMs < backMs ? 'failed' : 'ok' });
  sim.arrive(of('only', 60), answers);
  advanceEverySecond(sim, answers, 30 * 60);
  await sim.run(backMs);
  assert.ok(sim.starts.length < 25, `${sim.starts.length} went to the broken issuer`);
  await sim.run(backMs + 11 * minuteMs);
  assert.equal(sim.starts.length, 60);
});

test('a silent node gets no renewals and takes nothing of the lane, until it is heard again', async () => {
  const { sim, store, keys } = laneWith({ ratePerSecond: 0, maxInFlight: 5 });
  const admission = new LaneAdmission(redis, keys, { nowMs: () => sim.nowMs, random: () => 0.5 }, 30_000);
  const request = (id: string, node: string) => ({
    ...{ id, renewal: id, volume: `${node}/${id}`, latestStartMs: 1e15, notAfterMs: 1e15 },
  });
  await redis.zadd(keys.seen, startMs - 31_000, 'dead', startMs - 29_000, 'live');
  const refused = await admission.admit(sim.lane, request('d', 'dead'));
  assert.ok(!refused.admitted && !refused.isEarly && refused.reason === 'node-silent');
  assert.ok((await admission.admit(sim.lane, request('l', 'live'))).admitted);
  const { inFlight, queued, blocked } = await store.state(issuer);
  assert.deepEqual([inFlight, queued, blocked], [1, 0, 0]);
  await redis.zadd(keys.seen, startMs, 'dead');
  assert.ok((await admission.admit(sim.lane, request('d', 'dead'))).admitted);
});

test('a renewal that nobody asked for does not start before its time, whatever the clock of who brings it', async () => {
  const { sim, keys } = laneWith(usual);
  const dueAtMs = startMs + 45 * minuteMs;
  const request = { id: 'v-1', renewal: 'v-1', volume: 'n/v', latestStartMs: 1e15, notAfterMs: 1e15, dueAtMs };
  const early = await sim.admission.admit(sim.lane, request);
  assert.ok(!early.admitted && early.isEarly);
  assert.equal(early.waitMs, 45 * minuteMs);
  await redis.hset(keys.requestedBy, 'v-1', 'bulk');
  await redis.zadd(keys.cancelled, startMs, 'bulk');
  assert.equal((await sim.admission.admit(sim.lane, request)).admitted, false);
  await redis.zrem(keys.cancelled, 'bulk');
  assert.ok((await sim.admission.admit(sim.lane, request)).admitted);
});

test('between two issuances of a volume lies the minimum, whatever its reports say', async () => {
  const { sim } = laneWith(usual);
  const request = (id: string) => ({ id, renewal: id, volume: 'n/v', latestStartMs: 1e15, notAfterMs: 1e15 });
  assert.ok((await sim.admission.admit(sim.lane, request('v-1'))).admitted);
  await sim.admission.settle(sim.lane, { ...request('v-1'), outcome: 'ok', restMs: 72_000 });
  const next = await sim.admission.admit(sim.lane, request('v-2'));
  assert.ok(!next.admitted && next.isEarly && next.waitMs === 72_000);
  sim.nowMs += 72_000;
  assert.ok((await sim.admission.admit(sim.lane, request('v-2'))).admitted);
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import type { RedisKeys } from '../redis/redis-keys.ts';
import { LaneAdmission } from './lane-admission.ts';
import { LanePolicies } from './lane-policies.ts';
import type { LanePolicy } from '@certfleet/fleet-model/lanes/lane-policy.ts';
import { LaneStore } from './lane-store.ts';
import { SimulatedLane } from './testing/simulated-lane.ts';
import type { Arrival, SimulatedIssuer, Start } from './testing/simulated-lane.ts';

let server: RedisServer;
let redis: RedisClient;

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

/** Replicas advance lanes every second. */
function advanceEverySecond(sim: SimulatedLane, answers: SimulatedIssuer, seconds: number): void {
  for (let second = 1; second <= seconds; second++) sim.at(startMs + second * 1_000, () => sim.advance(answers));
}

describe('LaneAdmission fairness between nodes', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('limits a node that never answers to a quarter of the lane', async () => {
    const { sim } = laneWith(usual);
    const answers: SimulatedIssuer = (start) => (isOf('evil')(start) ? undefined : { afterMs: 500, outcome: 'ok' });
    // They expire first, and so are the most urgent waiting renewals.
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

  test('starts urgent renewals of other nodes despite those of one node', async () => {
    const { sim } = laneWith(usual);
    const answers: SimulatedIssuer = (start) => (isOf('evil')(start) ? undefined : { afterMs: 500, outcome: 'ok' });
    sim.arrive(of('evil', 500, { latestStartMs: startMs - 1, notAfterMs: startMs + minuteMs }), answers);
    sim.arrive(of('good', 50, { atMs: startMs + 1_000, latestStartMs: startMs, notAfterMs: startMs + 5_000 }), answers);
    advanceEverySecond(sim, answers, 30);
    await sim.run(startMs + 30_000);
    assert.equal(sim.starts.filter(isOf('good')).length, 50);
  });

  test('gives a small lane to its only node, and shares it when another node arrives', async () => {
    const { sim } = laneWith({ ratePerSecond: 0, maxInFlight: 4, answerTimeoutMs: minuteMs });
    const answers: SimulatedIssuer = ({ atMs }) => (atMs < startMs + 1 ? undefined : { afterMs: 1_000, outcome: 'ok' });
    sim.arrive(of('first', 10), answers);
    await sim.run(startMs + 500);
    assert.equal(sim.starts.length, 4);
    sim.arrive(of('second', 10, { atMs: startMs + 30_000 }), answers);
    advanceEverySecond(sim, answers, 120);
    await sim.run(startMs + 120_000);
    assert.equal(sim.starts.length, 20);
    // The answer timeout frees the earlier slots after a minute; afterwards each node has its share.
    const second = sim.starts.filter(isOf('second'));
    assert.ok((second.at(-1)?.atMs ?? 0) - startMs <= 75_000, `after ${(second.at(-1)?.atMs ?? 0) - startMs} ms`);
  });

  test('completes all renewals of a node above its share as fast as their results arrive', async () => {
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

  test('promotes a node that waits for its share after the pause of its lane ends', async () => {
    const { sim, store } = laneWith({ ratePerSecond: 0, maxInFlight: 20 });
    const answers: SimulatedIssuer = () => ({ afterMs: 100, outcome: 'ok' });
    await store.pause(issuer, { by: 'me', reason: 'test', atMs: startMs, policy: 'test' });
    sim.arrive(of('node', 60), answers);
    sim.at(startMs + minuteMs, () => store.resume(issuer));
    advanceEverySecond(sim, answers, 90);
    await sim.run(startMs + minuteMs - 1);
    assert.equal((await store.state(issuer)).blocked, 60);
    await sim.run(startMs + 90_000);
    assert.equal(sim.starts.length, 60);
  });

  test('delays only the renewals of the one node that reports failures', async () => {
    const { sim, store } = laneWith(usual);
    const answers: SimulatedIssuer = (start) => ({ afterMs: 50, outcome: isOf('evil')(start) ? 'failed' : 'ok' });
    sim.arrive(of('evil', 200), answers);
    await sim.run(startMs + 2_000);
    const { backoffUntilMs, pace, failureStreak } = await store.state(issuer);
    assert.deepEqual([backoffUntilMs, pace, failureStreak], [undefined, 1, 1]);
    // Its own renewals back off, as in a lane without other nodes.
    const sent = sim.starts.length;
    assert.ok(sent <= 13, `${sent} of 200 were sent`);
    sim.arrive(of('good', 50, { atMs: startMs + 2_000 }), answers);
    advanceEverySecond(sim, answers, 12);
    await sim.run(startMs + 12_000);
    assert.equal(sim.starts.filter(isOf('good')).length, 50);
  });

  test('does not back off when failures of one node alternate with those of one honest volume', async () => {
    const { sim, store } = laneWith(usual);
    const fail = (node: string, id: string): Promise<unknown> =>
      sim.admission.settle(sim.lane, { id, renewal: id, outcome: 'failed', volume: `${node}/${id}` });
    for (let i = 0; i < 50; i++) {
      await fail('evil', `e${i}`);
      await fail('good', 'refused-name');
    }
    assert.equal((await store.state(issuer)).backoffUntilMs, undefined);
  });

  test('backs off when several nodes report failures in a row', async () => {
    const { sim, store } = laneWith(usual);
    for (const node of ['a', 'b', 'c'])
      await sim.admission.settle(sim.lane, { id: node, renewal: node, outcome: 'failed', volume: `${node}/v` });
    const { backoffUntilMs, pace } = await store.state(issuer);
    assert.ok((backoffUntilMs ?? 0) > startMs);
    assert.ok(pace < 1);
  });

  test('ends the back-off of a recovered issuer although one node reports failures', async () => {
    const { sim, store } = laneWith(usual);
    for (const node of ['a', 'b', 'evil'])
      await sim.admission.settle(sim.lane, { id: node, renewal: node, outcome: 'failed', volume: `${node}/v` });
    const until = (await store.state(issuer)).backoffUntilMs ?? 0;
    sim.nowMs = until + 1;
    for (let i = 0; i < 20; i++)
      await sim.admission.settle(sim.lane, { id: `e${i}`, renewal: 'e', outcome: 'failed', volume: `evil/${i}` });
    assert.equal((await store.state(issuer)).backoffUntilMs, until);
  });

  test('backs off for a single node whose issuer is unavailable, and continues when it recovers', async () => {
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

  test('starts no renewals of a silent node, and takes no slots for it, until its next heartbeat', async () => {
    const { sim, store, keys } = laneWith({ ratePerSecond: 0, maxInFlight: 5 });
    const admission = new LaneAdmission(
      redis,
      keys,
      { nowMs: () => sim.nowMs, ownMs: () => sim.nowMs, random: () => 0.5 },
      30_000,
    );
    const request = (id: string, node: string) => ({
      ...{ id, renewal: id, volume: `${node}/${id}`, latestStartMs: 1e15, notAfterMs: 1e15 },
    });
    await redis.zadd(keys.seen, startMs - 31_000, 'dead', startMs - 29_000, 'live');
    const refused = await admission.admit(sim.lane, request('d', 'dead'));
    assert.ok(!refused.admitted && !refused.isEarly && refused.reason === 'node-silent');
    assert.ok((await admission.admit(sim.lane, request('l', 'live'))).admitted);
    const { inFlight, queued, blocked } = await store.state(issuer);
    assert.deepEqual([inFlight, queued, blocked], [1, 0, 0]);
    assert.deepEqual(await admission.returned(), []);
    await redis.zadd(keys.seen, startMs, 'dead');
    const promoted = [{ id: 'd', inMs: 0 }];
    assert.deepEqual(await admission.returned(), promoted);
    // Its job was still active, so that the promotion found nothing to promote.
    assert.deepEqual(await admission.returned(), []);
    sim.nowMs += 2_000;
    assert.deepEqual(await admission.returned(), promoted);
    assert.ok((await admission.admit(sim.lane, request('d', 'dead'))).admitted);
    sim.nowMs += 2_000;
    assert.deepEqual(await admission.returned(), []);
    assert.equal(await redis.exists(keys.silentNodes, `${keys.silentNodes}:dead`), 0);
  });

  test('forgets a renewal of a silent node that is no longer wanted', async () => {
    const { sim, keys } = laneWith(usual);
    const admission = new LaneAdmission(
      redis,
      keys,
      { nowMs: () => sim.nowMs, ownMs: () => sim.nowMs, random: () => 0.5 },
      30_000,
    );
    const request = { id: 'd', renewal: 'd', volume: 'dead/d', latestStartMs: 1e15, notAfterMs: 1e15 };
    await redis.zadd(keys.seen, startMs - 31_000, 'dead');
    assert.equal((await admission.admit(sim.lane, request)).admitted, false);
    await admission.settle(sim.lane, { ...request, outcome: 'gone' });
    await redis.zadd(keys.seen, startMs, 'dead');
    assert.deepEqual(await admission.returned(), []);
    assert.equal(await redis.exists(keys.silentNodes, `${keys.silentNodes}:dead`), 0);
  });

  test('starts no unrequested renewal before its due time, whatever the clock of the replica', async () => {
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

  test('keeps the minimum interval between two issuances of a volume, whatever its reports contain', async () => {
    const { sim } = laneWith(usual);
    const request = (id: string) => ({ id, renewal: id, volume: 'n/v', latestStartMs: 1e15, notAfterMs: 1e15 });
    assert.ok((await sim.admission.admit(sim.lane, request('v-1'))).admitted);
    await sim.admission.settle(sim.lane, { ...request('v-1'), outcome: 'ok', cooldownMs: 72_000 });
    const next = await sim.admission.admit(sim.lane, request('v-2'));
    assert.ok(!next.admitted && next.isEarly && next.waitMs === 72_000);
    sim.nowMs += 72_000;
    assert.ok((await sim.admission.admit(sim.lane, request('v-2'))).admitted);
  });
});

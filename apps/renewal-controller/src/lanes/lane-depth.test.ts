import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import type { IssuerName } from '../fleet-index/model/indexed-volume.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { LaneAdmission } from './lane-admission.ts';
import { LanePolicies } from './lane-policies.ts';
import type { Lane } from './lane-policies.ts';
import { LaneStore } from './lane-store.ts';

let server: RedisServer;
let redis: RedisClient;

const issuerNamed = (name: string): IssuerName => ({ group: 'g', kind: 'ClusterIssuer', namespace: '', name });
const keyOf = (name: string): string => `ClusterIssuer.g//${name}`;

describe('LaneStore', () => {
  before(async () => {
    server = await startRedisServer();
    redis = createRedis({ url: server.url }, 'commands', 'test');
    await redis.connect();
  });
  after(async () => {
    redis.disconnect();
    await server.stop();
  });

  test('counts the started, queued and blocked renewals of each lane, and returns its status', async () => {
    const keys = redisKeys(`t-${randomUUID()}`);
    const backoff = { threshold: 1, initialMs: 60_000, maxMs: 60_000 };
    const policies = new LanePolicies({ ratePerSecond: 1, burst: 5, maxInFlight: 2, backoff }, [
      { issuer: '*//few', policy: { maxInFlight: 100, burst: 1 } },
      { issuer: '*//shut', policy: { windows: [{ cron: halfAYearAway(), durationMs: 1_000 }] } },
    ]);
    const [store, admission] = [new LaneStore(redis, keys, policies), new LaneAdmission(redis, keys)];
    const enter = async (name: string, ids: readonly string[]): Promise<Lane> => {
      const lane = policies.laneOf(issuerNamed(name));
      await store.note(lane);
      const farMs = Date.now() + 1e9;
      for (const id of ids)
        await admission.admit(lane, { id, renewal: id, volume: `${id}/v`, latestStartMs: farMs, notAfterMs: farMs });
      return lane;
    };
    await enter('crowded', ['a', 'b', 'c']);
    await enter('few', ['a', 'b', 'c']);
    await enter('idle', []);
    await enter('shut', []);
    await store.pause(issuerNamed('held'), { by: 'me', reason: 'test', atMs: 0, policy: 'test' });
    await enter('held', ['a']);
    const broken = await enter('broken', ['a']);
    for (const volume of ['node-a/v', 'node-b/v'])
      await admission.settle(broken, { id: 'a', renewal: 'a', outcome: 'failed', volume, error: 'no' });

    const expected = [
      { key: keyOf('broken'), inFlight: 0, queued: 0, blocked: 0, status: 'backing-off' },
      { key: keyOf('crowded'), inFlight: 2, queued: 0, blocked: 1, status: 'open' },
      { key: keyOf('few'), inFlight: 1, queued: 2, blocked: 0, status: 'open' },
      { key: keyOf('held'), inFlight: 0, queued: 0, blocked: 1, status: 'paused' },
      { key: keyOf('idle'), inFlight: 0, queued: 0, blocked: 0, status: 'open' },
      { key: keyOf('shut'), inFlight: 0, queued: 0, blocked: 0, status: 'window' },
    ];
    const depths = [...(await store.depths(Date.now()))].sort((a, b) => a.key.localeCompare(b.key));
    assert.deepEqual(depths, expected);
  });

  test('returns the new wait of a renewal that was promoted before its wait was stored', async () => {
    const keys = redisKeys(`t-${randomUUID()}`);
    const policies = new LanePolicies({ ratePerSecond: 0, maxInFlight: 1 });
    const [store, admission] = [new LaneStore(redis, keys, policies), new LaneAdmission(redis, keys)];
    const lane = policies.laneOf(issuerNamed('narrow'));
    const farMs = Date.now() + 1e9;
    for (const id of ['first', 'second', 'third'])
      await admission.admit(lane, { id, renewal: id, volume: `${id}/v`, latestStartMs: farMs, notAfterMs: farMs });
    const promotionDelayMs = (id: string): Promise<number | undefined> =>
      store.promotionDelayMs(lane, { id, volume: `${id}/v` });
    assert.equal(await promotionDelayMs('second'), undefined);
    await admission.settle(lane, { id: 'first', renewal: 'first', outcome: 'ok', volume: 'first/v' });
    assert.equal(await promotionDelayMs('second'), 0);
    assert.equal(await promotionDelayMs('third'), undefined);
  });

  test('reads two thousand lanes in twenty calls', async () => {
    const keys = redisKeys(`t-${randomUUID()}`);
    const store = new LaneStore(redis, keys, new LanePolicies());
    const issuers = Array.from({ length: 2_000 }, (_, i) => [`lane-${i}`, JSON.stringify(issuerNamed(`i${i}`))]);
    await redis.hset(keys.lanes, ...issuers.flat());
    await store.depths(Date.now());
    const before = await calls();
    assert.equal((await store.depths(Date.now())).length, 2_000);
    assert.equal((await calls()) - before, 20);
  });
});

/** Number of scripts that the server has run. */
async function calls(): Promise<number> {
  const stats = String(await redis.call('INFO', 'commandstats'));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}

/** A day of the year that is half a year away. */
function halfAYearAway(): string {
  const day = new Date(Date.now() + 182 * 86_400_000);
  return `0 0 ${day.getUTCDate()} ${day.getUTCMonth() + 1} *`;
}

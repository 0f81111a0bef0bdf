import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '@certfleet/shared/clock.ts';
import { startRedisServer } from '../../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../../e2e/support/redis-server.ts';
import { reportOf, silentLogger } from '../../dispatch/testing/test-fleet.ts';
import { createRedis } from '../../redis/create-redis.ts';
import type { RedisClient } from '../../redis/create-redis.ts';
import { redisKeys } from '../../redis/redis-keys.ts';
import { FleetIndex } from '../fleet-index.ts';
import type { NodeSession } from '../model/node-session.ts';
import type { VolumeChange } from '../model/volume-change.ts';

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

/** An index whose changes are settled by a sink that may fail. */
class Fixture {
  readonly keys = redisKeys(`t-${randomUUID()}`);
  readonly changed: VolumeChange[] = [];
  readonly batches: string[] = [];
  readonly index: FleetIndex;
  failure: (change: VolumeChange) => Error | undefined = () => undefined;

  constructor() {
    const sink = {
      changed: (changes: readonly VolumeChange[], batch: string) => this.#changed(changes, batch),
      confirmed: () => Promise.resolve(),
      deferred: () => Promise.resolve(),
      forgotten: () => Promise.resolve(),
    };
    this.index = new FleetIndex({ redis, keys: this.keys, sink, clock: systemClock, logger: silentLogger });
  }

  open(): Promise<NodeSession> {
    return this.index.openSession('node-a', { agentVersion: '1', connectedTo: 'here' });
  }

  /** The generations before and after each change, by volume. */
  get settled(): readonly string[] {
    return this.changed.map(({ previous, current }) => {
      const id = (current ?? previous)?.volumeId ?? '';
      return `${id}: ${previous?.generation ?? '-'} > ${current?.generation ?? '-'}`;
    });
  }

  async #changed(changes: readonly VolumeChange[], batch: string): Promise<void> {
    await Promise.resolve();
    this.batches.push(batch);
    for (const change of changes) {
      const failure = this.failure(change);
      if (failure !== undefined) throw failure;
    }
    this.changed.push(...changes);
  }
}

const timedOut = new Error('Command timed out');

describe('the outbox of a node', () => {
  test('a change that is not settled is settled before the next one, as the same batch', async () => {
    const fixture = new Fixture();
    const { index, keys } = fixture;
    const session = await fixture.open();
    await index.applyDelta(session, [reportOf({ id: 'v1' })], []);
    fixture.failure = () => timedOut;
    await assert.rejects(index.applyDelta(session, [reportOf({ id: 'v1', generation: 2 })], []), timedOut);
    // Also while Redis does not answer for longer.
    await assert.rejects(index.applyDelta(session, [reportOf({ id: 'v1', generation: 3 })], []), timedOut);
    fixture.failure = () => undefined;
    await index.applyDelta(await fixture.open(), [reportOf({ id: 'v1', generation: 3 })], []);
    assert.deepEqual(fixture.settled, ['v1: - > 1', 'v1: 1 > 2', 'v1: 2 > 3']);
    const [, first, second, third, last] = fixture.batches;
    assert.deepEqual([second, third], [first, first]);
    assert.notEqual(last, first);
    assert.equal(await redis.exists(keys.outbox('node-a')), 0);
  });

  test('the outbox holds no more than one call changes, however often settling fails', async () => {
    const fixture = new Fixture();
    const session = await fixture.open();
    fixture.failure = () => timedOut;
    for (let generation = 1; generation <= 20; generation++) {
      const reports = ['a', 'b', 'c'].map((id) => reportOf({ id: `${id}${generation}` }));
      await assert.rejects(fixture.index.applyDelta(session, reports, []), timedOut);
    }
    assert.equal(await redis.hlen(fixture.keys.outbox('node-a')), 4);
  });

  test('a change that can never be settled is dropped and does not block its node', async () => {
    const fixture = new Fixture();
    const session = await fixture.open();
    const broken = new TypeError('x is not a function');
    fixture.failure = ({ current }) => (current?.volumeId === 'bad' ? broken : undefined);
    await assert.rejects(fixture.index.applyDelta(session, [reportOf({ id: 'bad' })], []), broken);
    await fixture.index.applyDelta(session, [reportOf({ id: 'good' })], []);
    assert.deepEqual(fixture.settled, ['good: - > 1']);
  });

  test('a volume whose record only a newer release can read is not taken for a removed one', async () => {
    const fixture = new Fixture();
    const session = await fixture.open();
    await fixture.index.applyDelta(session, [reportOf({ id: 'v1' })], []);
    fixture.failure = () => timedOut;
    await assert.rejects(fixture.index.applyDelta(session, [reportOf({ id: 'v1', generation: 2 })], []), timedOut);
    await redis.hset(fixture.keys.volumes('node-a'), 'v1', '[2,"newer"]');
    fixture.failure = () => undefined;
    await fixture.index.applyDelta(session, [reportOf({ id: 'v2' })], []);
    assert.deepEqual(fixture.settled, ['v1: - > 1', 'v2: - > 1']);
  });
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { CertfleetError } from '@certfleet/shared/errors.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { silentLogger } from '../dispatch/testing/test-fleet.ts';
import { FleetIndex } from '../fleet-index/fleet-index.ts';
import type { NodeSession } from '../fleet-index/model/node-session.ts';
import { createRedis } from '../redis/create-redis.ts';
import type { RedisClient } from '../redis/create-redis.ts';
import { redisKeys } from '../redis/redis-keys.ts';
import { NodeSweeper } from './node-sweeper.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;

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

class Fixture {
  readonly keys = redisKeys(`t-${randomUUID()}`);
  readonly clock = new ManualClock(100 * hourMs);
  readonly revoked: string[] = [];
  readonly emptied: string[] = [];
  readonly index: FleetIndex;
  readonly sweeper: NodeSweeper;
  inCluster: (node: string) => boolean = () => true;
  failRevoke = false;

  constructor() {
    const { clock, keys } = this;
    const sink = {
      changed: () => Promise.resolve(),
      confirmed: () => Promise.resolve(),
      deferred: () => Promise.resolve(),
      forgotten: (node: string) => Promise.resolve(void this.emptied.push(node)),
    };
    this.index = new FleetIndex({ redis, keys, sink, clock, logger: silentLogger });
    this.sweeper = new NodeSweeper({
      index: this.index,
      access: { revoke: (node) => this.#revoke(node) },
      client: {
        request: ({ name = '' }) =>
          this.inCluster(name) ? Promise.resolve({}) : Promise.reject(new CertfleetError('not-found', 'no such node')),
      },
      silentAfterMs: 30_000,
      forgetAfterMs: 24 * hourMs,
      clock,
      log: silentLogger,
    });
  }

  /** A node with its last heartbeat some time ago. */
  async node(name: string, silentForMs = 0): Promise<NodeSession> {
    const session = await this.index.openSession(name, { agentVersion: '1', connectedTo: 'here' });
    if (silentForMs > 0) await redis.zincrby(this.keys.seen, -silentForMs, name);
    return session;
  }

  /** Sweeps every 30 s for the given time. */
  async sweepFor(totalMs: number): Promise<void> {
    for (let ms = 0; ms <= totalMs; ms += 30_000) {
      await this.sweeper.sweep();
      await this.clock.advance(30_000);
    }
  }

  async known(): Promise<readonly string[]> {
    return (await redis.hkeys(this.keys.nodes)).sort();
  }

  #revoke(node: string): Promise<void> {
    if (this.failRevoke) return Promise.reject(new Error('Command timed out'));
    this.revoked.push(node);
    return Promise.resolve();
  }
}

describe('NodeSweeper', () => {
  test('removes silent nodes that left the cluster and nodes that were silent for too long', async () => {
    const fleet = new Fixture();
    await fleet.node('online');
    await fleet.node('rebooting', minuteMs);
    await fleet.node('gone', minuteMs);
    await fleet.node('dead', 25 * hourMs);
    fleet.inCluster = (node) => node !== 'gone' && node !== 'online';
    await fleet.sweepFor(minuteMs);
    assert.deepEqual(fleet.revoked, ['gone']);
    await fleet.sweepFor(10 * minuteMs);
    assert.deepEqual(fleet.revoked, ['gone', 'dead']);
    assert.deepEqual(await fleet.known(), ['online', 'rebooting']);
    assert.deepEqual(await redis.smembers(fleet.keys.leaving), []);
  });

  test('a clock jump does not remove a connected node', async () => {
    const fleet = new Fixture();
    await fleet.node('online');
    fleet.clock.stepWall(25 * hourMs);
    await fleet.sweepFor(15 * minuteMs);
    // The clock of Redis jumps: the node seems silent for a day until its next heartbeat.
    const session = await fleet.node('other');
    for (let i = 0; i < 20; i += 1) {
      await redis.zincrby(fleet.keys.seen, -25 * hourMs, 'other');
      await fleet.sweepFor(0);
      await fleet.index.nodeSeen(session);
      await redis.zincrby(fleet.keys.seen, -25 * hourMs - i, 'other');
      await fleet.sweepFor(0);
    }
    assert.deepEqual(fleet.revoked, []);
    assert.deepEqual(await fleet.known(), ['online', 'other']);
  });

  test('keeps a node that returns during the sweep', async () => {
    const fleet = new Fixture();
    await fleet.node('back', 60 * hourMs);
    const [silent] = await fleet.index.silentNodes(30_000);
    assert.ok(silent);
    const session = await fleet.node('back');
    assert.equal(await fleet.index.forgetNode('back', { mark: silent.mark, minMs: 30_000 }), false);
    // Also under the same session, by a heartbeat only.
    await redis.zincrby(fleet.keys.seen, -60 * hourMs, 'back');
    const [again] = await fleet.index.silentNodes(30_000);
    assert.ok(again);
    assert.equal(await fleet.index.nodeSeen(session), 'current');
    assert.equal(await fleet.index.forgetNode('back', { mark: again.mark, minMs: 30_000 }), false);
    assert.deepEqual(await fleet.known(), ['back']);
  });

  test('the next sweep of any replica completes an interrupted removal', async () => {
    const fleet = new Fixture();
    await fleet.node('gone', minuteMs);
    await fleet.node('returns', minuteMs);
    fleet.inCluster = () => false;
    fleet.failRevoke = true;
    await fleet.sweepFor(minuteMs);
    assert.deepEqual(await fleet.known(), []);
    await fleet.node('returns');
    fleet.failRevoke = false;
    await fleet.sweepFor(0);
    // The node that returned keeps its user.
    assert.deepEqual(fleet.revoked, ['gone']);
    assert.deepEqual(await redis.smembers(fleet.keys.leaving), []);
  });

  test('keeps a node if the API server cannot confirm that it is gone', async () => {
    const fleet = new Fixture();
    await fleet.node('quiet', hourMs);
    fleet.inCluster = () => {
      throw new CertfleetError('unavailable', 'the API server is unavailable');
    };
    await fleet.sweepFor(15 * minuteMs);
    assert.deepEqual(fleet.revoked, []);
  });
});

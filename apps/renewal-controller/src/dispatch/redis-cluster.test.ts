import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startRedisCluster } from '../../../../e2e/support/redis-server.ts';
import { TestAgent, enrol, reportOf, requestRenewal, startReplica, until } from './testing/test-fleet.ts';

describe('RenewalDispatcher on a Redis Cluster', () => {
  test('renews a fleet through a Redis Cluster: every script uses one slot, and the nodes spread over the servers', async (t) => {
    const cluster = await startRedisCluster();
    const replica = startReplica({ url: cluster.url, prefix: 'certfleet' });
    await until(() => replica.connections.commands.status === 'ready');
    const agents = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => {
        const session = await enrol(replica, `node-${i}`, [reportOf({ id: 'v1' }), reportOf({ id: 'v2' })]);
        return new TestAgent(replica, 'certfleet', `node-${i}`, async ({ volumeId, generation }) => {
          const renewAtMs = Date.now() + 600_000;
          await replica.index.applyDelta(
            session,
            [reportOf({ id: volumeId, generation: generation + 1, renewAtMs })],
            [],
          );
        });
      }),
    );
    t.after(async () => {
      await Promise.all(agents.map((agent) => agent.stop()));
      await replica.stop();
      await cluster.stop();
    });
    const renewed = (): number =>
      [...replica.follower.view.volumes()].filter(({ generation }) => generation >= 2).length;
    await until(() => renewed() === 12);
    const id = await requestRenewal(replica, { node: 'node-3' }, { by: 'alice', reason: 'test' });
    await until(async () => (await replica.dispatcher.bulks.progress(id)).state === 'finished');
    await replica.index.forgetNode('node-3');
    await until(() => replica.follower.view.size === 10);
    await until(() => replica.connections.health.reachable);
    const keys = await Promise.all(
      cluster.servers.map(async ({ port }) => {
        const direct = replica.connections.commands;
        assert.ok('nodes' in direct);
        const server = direct.nodes('master').find(({ options }) => options.port === port);
        return (await server?.keys('{certfleet-node-*')) ?? [];
      }),
    );
    assert.ok(keys.filter((found) => found.length > 0).length >= 2, 'all node queues on one server');
  });
});

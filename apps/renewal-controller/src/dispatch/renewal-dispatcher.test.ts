import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, test } from 'node:test';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import type { RedisServer } from '../../../../e2e/support/redis-server.ts';
import { TestAgent, enrol, reportOf, startReplica, until } from './testing/test-fleet.ts';
import type { TestReplica, TestReplicaOptions } from './testing/test-fleet.ts';

let server: RedisServer;
const stops: (() => Promise<void>)[] = [];

before(async () => {
  server = await startRedisServer();
});
after(() => server.stop());
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function replicaOf(options: Partial<TestReplicaOptions> = {}): { replica: TestReplica; prefix: string } {
  const prefix = options.prefix ?? `t-${randomUUID()}`;
  const replica = startReplica({ url: server.url, prefix, ...options });
  stops.push(() => replica.stop());
  return { replica, prefix };
}

async function connected({ connections }: TestReplica): Promise<void> {
  await until(() => connections.commands.status === 'ready');
}

test('sends a due volume through its lane to its node, and takes the next report as the answer', async () => {
  const { replica, prefix } = replicaOf();
  await connected(replica);
  const session = await enrol(replica, 'node-a', [reportOf({ id: 'v1' })]);
  const agent = new TestAgent(replica, prefix, 'node-a', async ({ volumeId, generation }) => {
    const renewAtMs = Date.now() + 600_000;
    await replica.index.applyDelta(session, [reportOf({ id: volumeId, generation: generation + 1, renewAtMs })], []);
  });
  stops.push(() => agent.stop());
  await until(() => replica.follower.view.volume('node-a', 'v1')?.generation === 2);
  assert.deepEqual(
    agent.jobs.map(({ volumeId, generation, cause }) => ({ volumeId, generation, cause })),
    [{ volumeId: 'v1', generation: 1, cause: 'due' }],
  );
  const [lane] = await replica.dispatcher.lanes.list();
  assert.equal(lane?.inFlight, 0);
  await until(async () => (await replica.dispatcher.due.counts()).active === 0);
  assert.deepEqual(await replica.dispatcher.due.counts(), { delayed: 1, waiting: 0, active: 0 });
});

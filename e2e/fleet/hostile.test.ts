// Hostile agents and operators against a complete controller: each gets a clear refusal, and others are not affected.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Queue } from 'bullmq';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { nodeQueueName, nodeQueuePrefix } from '../../apps/renewal-controller/src/redis/redis-keys.ts';
import { VolumeReport } from '../../libs/shared/gen/fleet/v1/fleet.ts';
import { startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { eventually } from './support/eventually.ts';
import { TwoReplicas } from './support/two-replicas.ts';
import type { RawAgent } from './support/two-replicas.ts';

/** A fleet with an honest node, whose volume must not change. */
async function startFleet(t: TestContext): Promise<{ fleet: TwoReplicas; honest: MemoryVolumes; redis: RedisServer }> {
  const redis = await startRedisServer();
  const fleet = await TwoReplicas.start({ flags: [`--redis-url=${redis.url}`] });
  t.after(async () => {
    await fleet[Symbol.asyncDispose]();
    await redis.stop();
  });
  const honest = new MemoryVolumes(['csi-honest']);
  fleet.link('one', 'node-a', honest);
  await fleet.untilKnown('one', 'node-a', 'csi-honest');
  return { fleet, honest, redis };
}

/** The honest node can still report without delay. */
async function assertServed(fleet: TwoReplicas, honest: MemoryVolumes, mark: number): Promise<void> {
  honest.set('csi-honest', { generation: mark });
  await eventually('the honest node to be heard', async () => {
    const { volumes } = await fleet.api('one', 'volumes?node=node-a');
    const [volume] = volumes as readonly { readonly volumeId: string; readonly generation: number }[];
    return volume?.volumeId === 'csi-honest' && volume.generation === mark;
  });
}

function endOf({ connection }: RawAgent): Promise<string> {
  return new Promise((resolve) => connection.stream.on('error', ({ message }: Error) => resolve(message)));
}

const report = (volumeId: string, fields: object = {}): VolumeReport =>
  VolumeReport.fromPartial({ volumeId, ...fields });

// Each has its own fleet.
describe('hostile clients', { concurrency: true }, () => {
  test('an agent that sends too much at once, too many volumes, or invalid data loses its stream', async (t) => {
    const { fleet, honest } = await startFleet(t);
    const refusals: readonly (readonly [(agent: RawAgent) => void, RegExp])[] = [
      [
        (agent) =>
          agent.send({ delta: { upserted: [report('csi-x', { pod: { name: 'x'.repeat(2 * 1024 * 1024) } })] } }),
        /RESOURCE_EXHAUSTED/,
      ],
      [
        (agent) => {
          agent.send({ snapshot: { volumes: [], last: false } });
          agent.send({ heartbeat: {} });
        },
        /expected the rest of the snapshot, found another message/,
      ],
      [
        (agent) => {
          for (let part = 0; part < 11; part += 1) {
            const volumes = Array.from({ length: 1_000 }, (_, i) => report(`csi-${part}-${i}`));
            agent.send({ snapshot: { volumes, last: false } });
          }
        },
        /expected at most 10000 volumes on a node, found more/,
      ],
    ];
    for (const [index, [attack, refusal]] of refusals.entries()) {
      const agent = await fleet.rawAgent('one', 'node-b', []);
      const end = endOf(agent);
      attack(agent);
      assert.match(await end, refusal);
      await assertServed(fleet, honest, index + 2);
    }
  });

  test('invalid volume ids only cost their own report, and a node only speaks for itself', async (t) => {
    const { fleet, honest } = await startFleet(t);
    const agent = await fleet.rawAgent('one', 'node-b', []);
    const forged = [
      '',
      'x'.repeat(300),
      '__proto__',
      'constructor',
      '../../node-a/csi-honest',
      'csi-\u001b[2J',
      'csi-honest',
    ];
    agent.send({ delta: { upserted: [...forged, 'csi-good'].map((id) => report(id, { generation: 99 })) } });
    agent.send({ delta: { removedVolumeIds: ['csi-honest', '../node-a/csi-honest'] } });
    await fleet.untilKnown('one', 'node-b', 'csi-good');
    const { volumes } = await fleet.api('one', 'volumes?limit=1000');
    const shown = (volumes as readonly { node: string; volumeId: string; generation: number }[]).map(
      ({ node, volumeId, generation }) => `${node} ${volumeId} ${generation}`,
    );
    assert.ok(shown.includes('node-a csi-honest 1'), shown.join('\n'));
    assert.ok(!shown.some((each) => each.length > 300 || each.includes('node-b  ')));
    for (const id of ['../../node-a/csi-honest', '__proto__']) {
      const { status } = await fleet.api('one', `volumes/node-b/${encodeURIComponent(id)}`);
      assert.equal(status, 200, id);
    }
    await assertServed(fleet, honest, 2);
  });

  test('invalid jobs are skipped, and the next valid one is done', async (t) => {
    const { fleet, honest, redis } = await startFleet(t);
    const logAt = fleet.log.length;
    const connection = { port: redis.port };
    const queue = new Queue(nodeQueueName, { connection, prefix: nodeQueuePrefix('certfleet', 'node-a') });
    t.after(() => queue.close());
    const malformed: readonly unknown[] = [
      {},
      [],
      'text',
      { volumeId: 7, generation: 1 },
      { volumeId: 'csi-honest' },
      { volumeId: 'csi-honest', generation: -1 },
      { volumeId: 'csi-honest', generation: 1.5 },
      { volumeId: 'csi-honest', generation: '1' },
      { volumeId: 'x'.repeat(10_000), generation: 1 },
      { volumeId: '../../etc/passwd', generation: 1 },
      { volumeId: '__proto__', generation: 1 },
    ];
    await queue.addBulk(malformed.map((data, i) => ({ name: 'renew', data, opts: { jobId: `bad-${i}` } })));
    await queue.add('renew', { volumeId: 'csi-honest', generation: 1 }, { jobId: 'good-1' });
    await eventually('the good job to be done', () => honest.renewals.length === 1);
    assert.deepEqual(honest.renewals, [{ volumeId: 'csi-honest', generation: 1 }]);
    const refused = fleet.log.filter((line) => line.includes('malformed job'));
    assert.equal(refused.length, 9, fleet.log.slice(logAt).join(''));
  });

  test('requests that are too large or never end are rejected or wait without blocking others', async (t) => {
    const { fleet, honest } = await startFleet(t);
    const statuses = await Promise.all([
      fleet.raw('one', 'GET', `volumes?search=${'x'.repeat(10_000)}`),
      fleet.raw('one', 'GET', `volumes?search=${'x'.repeat(100_000)}`),
      fleet.raw('one', 'GET', `volumes/node-a/${'x'.repeat(5_000)}/certificate`),
      fleet.raw('one', 'GET', 'volumes?limit=1e9'),
      fleet.raw('one', 'GET', 'volumes?after=%00%ff'),
      fleet.raw('one', 'POST', 'renewals', JSON.stringify({ reason: 'x'.repeat(100_000) })),
      fleet.raw('one', 'POST', 'renewals', '{"selection":'),
      fleet.raw('one', 'POST', 'renewals', `${'['.repeat(30_000)}${']'.repeat(30_000)}`),
    ]);
    for (const [i, status] of statuses.entries()) assert.ok(status >= 400 && status < 500, `request ${i}: ${status}`);
    const slow = await Promise.all(Array.from({ length: 300 }, () => slowConnection(fleet.apiPort('one'))));
    t.after(() => {
      for (const socket of slow) socket.destroy();
    });
    const drip = setInterval(() => {
      for (const socket of slow) socket.write('x');
    }, 250);
    t.after(() => clearInterval(drip));
    for (let mark = 2; mark < 6; mark += 1) await assertServed(fleet, honest, mark);
  });
});

// Alone, because it measures the memory of this process.
describe('a flood', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;

  /** Live memory in this process' heap and outside it. */
  function liveBytes(): number {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  }

  test('of reports blocks nobody and does not grow the controller', async (t) => {
    const { fleet, honest } = await startFleet(t);
    const agent = await fleet.rawAgent('one', 'node-b', []);
    const before = liveBytes();
    const { stream } = agent.connection;
    let sent = 0;
    const ending = new AbortController();
    const flood = (async () => {
      while (!ending.signal.aborted) {
        const upserted = Array.from({ length: 100 }, (_, i) => report(`csi-${i}`, { generation: (sent += 1) }));
        agent.send({ delta: { upserted, removedVolumeIds: [] } });
        // As fast as the controller's flow control allows.
        if (stream.writableNeedDrain) await once(stream, 'drain', ending).catch(() => undefined);
        else await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const grownMb: number[] = [];
    for (let mark = 2; mark < 7; mark += 1) {
      await assertServed(fleet, honest, mark);
      grownMb.push((liveBytes() - before) / 2 ** 20);
    }
    ending.abort();
    await flood;
    assert.ok(sent > 1_000, `sent ${sent} reports`);
    // Flow control limits the data in flight, independent of the number of reports.
    assert.ok(
      Math.max(...grownMb) < 64,
      `grew by ${grownMb.map(Math.round).join(', ')} MB with the flooding agent in it`,
    );
  });
});

/** A request whose headers arrive letter by letter. */
async function slowConnection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('GET /api/v1/volumes HTTP/1.1\r\nhost: x\r\nx-slow: ');
  return socket;
}

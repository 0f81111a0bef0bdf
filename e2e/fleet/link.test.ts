// The agent's link against the controller's fleet API over TLS, on a real Redis.
import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import { describe, test } from 'node:test';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { recordDnsQueries } from './support/dns-recorder.ts';
import { eventually } from './support/eventually.ts';
import { FleetFixture } from './support/fleet-fixture.ts';
import { writeTestCertificate } from '@certfleet/shared/testing/test-certificate.ts';

describe('the link of agents', () => {
  test('the index follows the agent: snapshot, changes, removals', async () => {
    await using fleet = await FleetFixture.start();
    const { port } = await fleet.startReplica();
    const volumes = new MemoryVolumes(['csi-1', 'csi-2']);
    fleet.link(port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1, 'csi-2': 1 });
    volumes.set('csi-3', { generation: 5 });
    volumes.delete('csi-1');
    await fleet.untilIndexed('node-a', { 'csi-2': 1, 'csi-3': 5 });
  });

  test('DNS is only queried for the controller’s address and has no effect on configuration', async (t) => {
    await using fleet = await FleetFixture.start();
    const { port } = await fleet.startReplica();
    const asked = await recordDnsQueries(t);
    fleet.link(port, new MemoryVolumes(['csi-1']));
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
    // All earlier queries have arrived by then.
    await assert.rejects(dns.resolveTxt('last.test'), { code: 'ENOTFOUND' });
    assert.deepEqual(asked, ['last.test']);
  });

  test('an agent only speaks for the node of its token, and for none without a token', async () => {
    await using fleet = await FleetFixture.start();
    const { port, server } = await fleet.startReplica();
    fleet.link(port, new MemoryVolumes(['csi-a']), 'token-of-node-a');
    fleet.link(port, new MemoryVolumes(['csi-b']), 'token-of-node-b');
    fleet.link(port, new MemoryVolumes(['csi-evil']), 'token-of-nobody');
    await fleet.untilIndexed('node-a', { 'csi-a': 1 });
    await fleet.untilIndexed('node-b', { 'csi-b': 1 });
    await eventually('the stranger to be refused', () => fleet.log.some((line) => line.includes('unauthenticated')));
    assert.equal(server.connected, 2);
    assert.ok(fleet.log.every((line) => !line.includes('token-of-nobody')));
  });

  test('a repeated job of the queue renews the volume once', async () => {
    await using fleet = await FleetFixture.start();
    const { port } = await fleet.startReplica();
    const volumes = new MemoryVolumes(['csi-1', 'csi-2']);
    fleet.link(port, volumes);
    await fleet.addJob('node-a', 'csi-1', 1);
    await fleet.untilIndexed('node-a', { 'csi-1': 2, 'csi-2': 1 });
    await fleet.addJob('node-a', 'csi-1', 1);
    await fleet.addJob('node-a', 'unknown', 1);
    await fleet.addJob('node-a', 'csi-2', 1);
    await fleet.untilIndexed('node-a', { 'csi-1': 2, 'csi-2': 2 });
    assert.deepEqual(
      volumes.renewals.map(({ volumeId }) => volumeId),
      ['csi-1', 'csi-2'],
    );
  });

  test('a killed controller finds the agents again and learns of changes since', async () => {
    await using fleet = await FleetFixture.start();
    const first = await fleet.startReplica();
    const volumes = new MemoryVolumes(['csi-1', 'csi-2']);
    fleet.link(first.port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1, 'csi-2': 1 });
    await fleet.untilAtQueue();
    await first.stop();
    // The queue outlives the controller.
    await fleet.addJob('node-a', 'csi-1', 1);
    await eventually('the job to be done', () => volumes.renewals.length === 1);
    volumes.delete('csi-2');
    await fleet.startReplica(first.port);
    await fleet.untilIndexed('node-a', { 'csi-1': 2 });
  });

  test('after Redis lost all data, the agents fill it again and get access to their queues', async () => {
    await using fleet = await FleetFixture.start();
    const { port } = await fleet.startReplica();
    const volumes = new MemoryVolumes(['csi-1', 'csi-2']);
    fleet.link(port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1, 'csi-2': 1 });
    await fleet.redis.kill();
    volumes.set('csi-1', { generation: 2 });
    await fleet.redis.start();
    await fleet.untilIndexed('node-a', { 'csi-1': 2, 'csi-2': 1 });
    await fleet.addJob('node-a', 'csi-2', 1);
    await fleet.untilIndexed('node-a', { 'csi-1': 2, 'csi-2': 2 });
    assert.equal(volumes.renewals.length, 1);
  });

  test('an agent that connects while Redis is unavailable is indexed later', async () => {
    await using fleet = await FleetFixture.start();
    const { port, server } = await fleet.startReplica();
    await fleet.redis.kill();
    fleet.link(port, new MemoryVolumes(['csi-1']));
    await eventually('the agent to be connected', () => server.connected === 1);
    await fleet.redis.start();
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
  });

  test('of two streams of a node the newer one is used', async () => {
    await using fleet = await FleetFixture.start();
    const { port, server } = await fleet.startReplica();
    const older = fleet.link(port, new MemoryVolumes(['csi-old']));
    await fleet.untilIndexed('node-a', { 'csi-old': 1 });
    fleet.link(port, new MemoryVolumes(['csi-new']));
    await eventually('the older stream to be notified', () =>
      fleet.log.some((line) => line.includes('a newer stream')),
    );
    await older.stop();
    await fleet.untilIndexed('node-a', { 'csi-new': 1 });
    assert.equal(server.connected, 1);
  });

  test('the first replica releases a node that moved to another', async () => {
    await using fleet = await FleetFixture.start();
    const first = await fleet.startReplica();
    const second = await fleet.startReplica();
    const volumes = new MemoryVolumes(['csi-1']);
    const older = fleet.link(first.port, volumes);
    await fleet.untilIndexed('node-a', { 'csi-1': 1 });
    fleet.link(second.port, new MemoryVolumes(['csi-2']));
    await fleet.untilIndexed('node-a', { 'csi-2': 1 });
    await eventually('the first replica to release it', () =>
      fleet.log.some((line) => line.includes('superseded') || line.includes('took over')),
    );
    await older.stop();
    await fleet.untilIndexed('node-a', { 'csi-2': 1 });
  });

  test('a renewed serving certificate is used for the next agent', async () => {
    await using fleet = await FleetFixture.start();
    const { port, certificate } = await fleet.startReplica();
    fleet.link(port, new MemoryVolumes(['csi-a']));
    await fleet.untilIndexed('node-a', { 'csi-a': 1 });
    writeTestCertificate(fleet.directory);
    await certificate.refresh();
    // This one only trusts the new certificate.
    fleet.link(port, new MemoryVolumes(['csi-b']), 'token-of-node-b');
    await fleet.untilIndexed('node-b', { 'csi-b': 1 });
  });
});

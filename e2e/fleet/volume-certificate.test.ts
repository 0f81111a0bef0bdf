// An operator views a volume's certificate through either replica, wherever its agent is connected.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { ManagedFleetVolumes } from '../../apps/node-agent/src/fleet/managed-fleet-volumes.ts';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { VolumeTestHarness } from '../../apps/node-agent/src/volume/testing/volume-test-harness.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { eventually } from './support/eventually.ts';
import { redisKinds } from './support/redis-kinds.ts';
import { TwoReplicas } from './support/two-replicas.ts';
import type { ReplicaName } from './support/two-replicas.ts';

const replicas: readonly ReplicaName[] = ['one', 'two'];

interface NodeWithVolume {
  readonly volumes: ManagedFleetVolumes;
  /** Reads a file of the pod. */
  readonly file: (name: string) => string;
}

/** A node's real volume, issued by a real CA into real files. */
async function nodeWithVolume(t: TestContext): Promise<NodeWithVolume> {
  const harness = await VolumeTestHarness.open();
  t.after(() => harness.remove());
  await harness.publish(harness.request('web', { duration: '2160h' }));
  const file = (name: string): string => harness.store.readPayload('csi-web').get(name)?.toString() ?? '';
  return { volumes: new ManagedFleetVolumes(harness.manager, harness.clock), file };
}

const path = 'volumes/node-a/csi-web/certificate';

describe('the certificate of a volume', () => {
  test('shows the certificate that the pod reads, from the replica of its agent and from the other', async (t) => {
    const redis = await startRedisServer({ args: ['--rdbcompression', 'no'] });
    t.after(() => redis.stop());
    await using fleet = await TwoReplicas.start({ flags: [`--redis-url=${redis.url}`] });
    const node = await nodeWithVolume(t);
    fleet.link('one', 'node-a', node.volumes);
    const pem = node.file('tls.crt');
    const opensslText = execFileSync('openssl', ['x509', '-noout', '-text', '-nameopt', 'oneline'], {
      input: pem,
      encoding: 'utf8',
    });
    for (const replica of replicas) {
      await fleet.untilKnown(replica, 'node-a', 'csi-web');
      const answer = await fleet.api(replica, path);
      assert.equal(answer.status, 200, answer.message ?? '');
      assert.deepEqual([answer['pem'], answer['ca'], answer['text']], [pem, node.file('ca.crt'), opensslText]);
      const [leaf] = answer['chain'] as readonly Record<string, string>[];
      assert.equal(leaf?.['subject'], 'CN=web');
      assert.match(leaf['fingerprint'] ?? '', /^[0-9a-f]{64}$/);
      assert.ok(!JSON.stringify(answer).includes('PRIVATE KEY'));
      assert.equal((await fleet.cli(replica, 'show', 'csi-web', '--certificate')).out, opensslText);
      const unknown = await fleet.api(replica, 'volumes/node-a/csi-none/certificate');
      assert.equal(unknown.status, 404);
      assert.equal(unknown.message, 'there is no volume csi-none on node node-a');
      const events = await fleet.api(replica, 'volumes/node-a/csi-web/events');
      assert.deepEqual(events, { status: 200, events: [], unavailable: 'the controller runs without Kubernetes' });
    }
    execFileSync('redis-cli', ['-p', `${redis.port}`, 'SAVE']);
    const stored = readFileSync(join(redis.directory, 'dump.rdb'));
    assert.ok(stored.includes('csi-web'), 'the file holds what Redis holds');
    const base64 = pem.split('\n')[3] ?? '';
    assert.equal(base64.length, 64);
    assert.ok(!stored.includes(base64) && !stored.includes(Buffer.from(base64, 'base64')), 'a certificate in Redis');
    assert.ok(!fleet.log.some((line) => line.includes(base64)));
  });

  describe('forwards the request to the agent on the other replica', { concurrency: 2 }, () => {
    const kinds = Object.entries(redisKinds).filter(
      ([name]) => /user|Cluster|Sentinel/.test(name) && !name.includes('without users'),
    );
    assert.equal(kinds.length, 4);
    for (const [name, start] of kinds) {
      test(name, async (t) => {
        const directory = mkdtempSync(join(tmpdir(), 'certfleet-kind-'));
        t.after(() => rmSync(directory, { recursive: true, force: true }));
        const kind = await start(directory);
        t.after(() => kind.stop());
        await using fleet = await TwoReplicas.start(kind);
        const node = await nodeWithVolume(t);
        fleet.link('one', 'node-a', node.volumes);
        await fleet.untilKnown('two', 'node-a', 'csi-web');
        // The subscription may not be established yet.
        await eventually('the other replica to be heard', async () => (await fleet.api('two', path)).status === 200);
        assert.equal((await fleet.api('two', path))['pem'], node.file('tls.crt'));
        const denied = await kind.admin('ACL', 'LOG');
        assert.ok(!/^(certfleet|certfleet-shared)$/m.test(denied), `the controller was denied:\n${denied}`);
      });
    }
  });

  test('reports that a node is silent, has no such volume, or does not know the request', async (t) => {
    const redis = await startRedisServer();
    t.after(() => redis.stop());
    await using fleet = await TwoReplicas.start({ flags: [`--redis-url=${redis.url}`] });
    const volumes = new MemoryVolumes(['csi-web']);
    const link = fleet.link('one', 'node-a', volumes);
    await fleet.rawAgent('one', 'node-b', ['csi-old']);
    await fleet.untilKnown('two', 'node-a', 'csi-web');
    await fleet.untilKnown('two', 'node-b', 'csi-old');
    const pending = await fleet.api('two', path);
    assert.deepEqual([pending.status, pending.message], [404, 'node node-a: the volume has no certificate yet']);
    const unanswered = await Promise.all(
      replicas.map((replica) => fleet.api(replica, 'volumes/node-b/csi-old/certificate')),
    );
    for (const { status, message = '' } of unanswered) {
      assert.equal(status, 503);
      assert.match(
        message,
        /^the agent of node node-b does not answer; .* its version \(0\.1\.0\) does not support this request$/,
      );
    }
    await link.stop();
    for (const replica of replicas) {
      assert.equal((await fleet.api(replica, path)).status, 503);
      await eventually('the silence to be reported', async () =>
        ((await fleet.api(replica, path)).message ?? '').startsWith(
          'node node-a is silent: its agent was last seen at 2',
        ),
      );
    }
  });

  test('follows an agent that moved to the other replica', async (t) => {
    const redis = await startRedisServer();
    t.after(() => redis.stop());
    await using fleet = await TwoReplicas.start({ flags: [`--redis-url=${redis.url}`] });
    const node = await nodeWithVolume(t);
    const before = fleet.link('one', 'node-a', node.volumes);
    await fleet.untilKnown('two', 'node-a', 'csi-web');
    await before.stop();
    fleet.link('two', 'node-a', node.volumes);
    for (const replica of replicas) {
      await eventually('the moved agent to be asked', async () => (await fleet.api(replica, path)).status === 200);
    }
  });

  test('rejects an answer that was not requested, is not a certificate, or is too large', async (t) => {
    const redis = await startRedisServer();
    t.after(() => redis.stop());
    await using fleet = await TwoReplicas.start({ flags: [`--redis-url=${redis.url}`] });
    const node = await nodeWithVolume(t);
    const thief = await fleet.rawAgent('one', 'node-b', ['csi-b']);
    const victim = await fleet.rawAgent('one', 'node-a', ['csi-web']);
    await fleet.untilKnown('one', 'node-a', 'csi-web');
    await fleet.untilKnown('two', 'node-a', 'csi-web');
    const { chain } = node.volumes.describe('csi-web');
    const asked = async (replica: ReplicaName, answer: (requestId: string) => void): Promise<string> => {
      const count = victim.questions.length;
      const response = fleet.api(replica, path);
      await eventually('the question', () => victim.questions.length > count);
      answer(victim.questions[count]?.requestId ?? '');
      const { status, message = '' } = await response;
      return `${status} ${message}`;
    };
    for (const replica of replicas) {
      const forged = await asked(replica, (requestId) => {
        // Another node knows the request id, but cannot answer it.
        thief.send({ description: { requestId, chain: [...chain] } });
        victim.send({ description: { requestId: 'guessed', chain: [...chain] } });
        victim.send({ description: { requestId, absent: 'x'.repeat(1000) } });
      });
      assert.equal(forged, `404 node node-a: ${'x'.repeat(256)}`);
      const garbage = await asked(replica, (requestId) =>
        victim.send({ description: { requestId, chain: [Buffer.from('hello')] } }),
      );
      assert.equal(garbage, '503 the agent of node node-a sent an invalid certificate');
      const empty = await asked(replica, (requestId) => victim.send({ description: { requestId } }));
      assert.equal(empty, '503 the agent of node node-a sent an invalid certificate');
      const tooMuch = await asked(replica, (requestId) =>
        victim.send({ description: { requestId, chain: [...chain], ca: Array<Buffer>(1_025).fill(Buffer.from('x')) } }),
      );
      assert.equal(tooMuch, '503 the agent of node node-a sent a description that is too large');
      const good = await asked(replica, (requestId) => victim.send({ description: { requestId, chain: [...chain] } }));
      assert.equal(good, '200 ');
    }
    // An agent that keeps sending answers loses only its own stream.
    const ended = new Promise<string>((resolve) =>
      thief.connection.stream.on('error', ({ message }: Error) => resolve(message)),
    );
    for (let i = 0; i < 150; i += 1) thief.send({ description: { requestId: `guess-${i}` } });
    assert.match(await ended, /received 101 descriptions that were not requested/);
    assert.equal(
      await asked('one', (requestId) => victim.send({ description: { requestId, chain: [...chain] } })),
      '200 ',
    );
  });

  test('limits the requests that wait for one node, and stops at once with requests open', async (t) => {
    const redis = await startRedisServer();
    t.after(() => redis.stop());
    await using fleet = await TwoReplicas.start({ flags: [`--redis-url=${redis.url}`] });
    const silent = await fleet.rawAgent('one', 'node-a', ['csi-web']);
    for (const replica of replicas) await fleet.untilKnown(replica, 'node-a', 'csi-web');
    const answers: number[] = [];
    const requests = Array.from({ length: 60 }, async (_, i) => {
      answers.push((await fleet.api(i % 2 === 0 ? 'one' : 'two', path)).status);
    });
    await eventually('all but those that are let through to be refused', () => answers.length === 52);
    assert.deepEqual(new Set(answers), new Set([429]));
    assert.equal(silent.questions.length, 8);
    const startedMs = performance.now();
    await fleet.controllers.get('one')?.stop();
    assert.ok(performance.now() - startedMs < 3_000, 'the end of a replica waited for an answer');
    await Promise.all(requests);
    assert.deepEqual(answers.slice(52), Array<number>(8).fill(503));
  });
});

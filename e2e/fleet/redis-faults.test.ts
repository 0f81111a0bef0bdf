// A controller and an agent on a Redis that is full, denies access, loses data, becomes a replica, fails over or vanishes.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { MemoryVolumes } from '../../apps/node-agent/src/fleet/testing/memory-volumes.ts';
import { VolumeReport } from '../../libs/shared/gen/fleet/v1/fleet.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { ControllerFixture } from './support/controller-fixture.ts';
import { eventually } from './support/eventually.ts';
import { redisFailoverSuite } from './support/redis-failover-suite.ts';

const flags = ['--api-auth=none', '--heartbeat-interval=1s'];

/** A volume whose renewal can be requested. */
function issuedVolume(): MemoryVolumes {
  const volumes = new MemoryVolumes();
  const now = Date.now();
  const times = { notBefore: new Date(now), issuedAt: new Date(now), renewAt: new Date(now + 6e7) };
  const { certificate, issuer } = VolumeReport.fromPartial({
    issuer: { group: 'g', kind: 'ClusterIssuer', name: 'ca' },
    certificate: { serialNumber: '1', fingerprintSha256: 'ff', notAfter: new Date(now + 9e7), ...times },
  });
  volumes.set('csi-1', { certificate, issuer });
  return volumes;
}

const statusOf = async (fixture: ControllerFixture): Promise<string> => (await fixture.ops('readyz')).text;
const isOk = async (fixture: ControllerFixture): Promise<boolean> => (await statusOf(fixture)) === '{"status":"ok"}';
const generations = async (fixture: ControllerFixture): Promise<readonly number[]> =>
  (await fixture.api<{ volumes: { generation: number }[] }>('volumes')).volumes.map(({ generation }) => generation);

async function metric(fixture: ControllerFixture, name: string): Promise<number> {
  const { text } = await fixture.ops('metrics');
  const line = text.split('\n').find((each) => each.startsWith(`certfleet_controller_${name} `));
  return Number(line?.split(' ').at(-1));
}

const cannotDrop = spawnSync('unshare', ['--net', 'iptables', '-L', '-n']).status !== 0 && 'needs root and iptables';

// They wait most of the time, each with its own Redis.
describe('Redis faults', { concurrency: true }, () => {
  redisFailoverSuite();

  test('silent connections are closed after seconds', { skip: cannotDrop }, async () => {
    const program = join(import.meta.dirname, 'support/vanished-redis.ts');
    await promisify(execFile)('unshare', ['--net', process.execPath, program]);
  });

  test('a full Redis is reported once, and so is its recovery; missing writes are requested again', async (t) => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController(flags);
    const admin = new Redis(fixture.redis.url);
    t.after(() => admin.disconnect());
    await eventually('readiness', () => isOk(fixture));
    await admin.config('SET', 'maxmemory', '1mb');
    await eventually('the degradation', async () => (await statusOf(fixture)).includes('Redis refuses writes'));
    assert.equal((await fixture.ops('readyz')).status, 200);
    fixture.startAgent(new MemoryVolumes(['csi-1']));
    await eventually('the metric', async () => (await metric(fixture, 'redis_problem{kind="refuses-writes"}')) === 1);
    const lines = (text: string): number => fixture.log.filter((line) => line.includes(text)).length;
    assert.equal(lines('Redis refuses writes'), 1);
    await admin.config('SET', 'maxmemory', '0');
    await eventually('recovery', () => isOk(fixture));
    assert.equal(lines('Redis accepts writes again'), 1);
    await eventually('the volume', async () => (await generations(fixture)).length === 1);
  });

  test('a missing permission degrades the controller and is named', async (t) => {
    await using fixture = await ControllerFixture.start();
    const admin = new Redis(fixture.redis.url);
    t.after(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'ctl', 'on', '>pw', 'allchannels', '~*', '+@all', '-hset');
    const passwordFile = join(fixture.directory, 'pw');
    writeFileSync(passwordFile, 'pw');
    await fixture.startController([...flags, '--redis-username=ctl', `--redis-password-file=${passwordFile}`]);
    fixture.startAgent(new MemoryVolumes(['csi-1']));
    await eventually('the degradation', async () => (await statusOf(fixture)).includes('Redis denies'));
    const told = fixture.log.filter((line) => line.includes('Redis denies commands that the controller needs'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? '', /can't run this command|hset/);
  });

  test('a rotated password is read for the next connection', async (t) => {
    await using fixture = await ControllerFixture.start();
    const admin = new Redis(fixture.redis.url);
    t.after(() => admin.disconnect());
    await admin.config('SET', 'requirepass', 'old-password');
    const passwordFile = join(fixture.directory, 'pw');
    writeFileSync(passwordFile, 'old-password\n');
    await fixture.startController([...flags, `--redis-password-file=${passwordFile}`]);
    await eventually('readiness', () => isOk(fixture));
    await admin.config('SET', 'requirepass', 'new-password');
    writeFileSync(passwordFile, 'new-password\n');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const volumes = issuedVolume();
    fixture.startAgent(volumes);
    await eventually('every connection', async () => (await generations(fixture)).length === 1);
    // Also for BullMQ's worker, whose blocking connection is a duplicate.
    const body = { selection: { node: 'node-a' }, reason: 'x' };
    await fixture.api('renewals', { method: 'POST', body });
    await eventually('a renewal', () => volumes.renewals.length === 1);
    assert.ok(!fixture.log.some((line) => line.includes('new-password')));
  });

  test('lost data of Redis is detected, logged, counted and restored', async (t) => {
    await using fixture = await ControllerFixture.start();
    await fixture.startController(flags);
    const admin = new Redis(fixture.redis.url);
    t.after(() => admin.disconnect());
    const volumes = issuedVolume();
    fixture.startAgent(volumes);
    await eventually('the volume', async () => (await generations(fixture)).length === 1);
    assert.equal(await metric(fixture, 'redis_state_loss_total{lost="everything"}'), 0);
    await admin.flushall();
    await admin.script('FLUSH');
    await eventually(
      'the loss',
      async () => (await metric(fixture, 'redis_state_loss_total{lost="everything"}')) === 1,
    );
    assert.ok(fixture.log.some((line) => line.includes('Redis lost state')));
    await eventually('the volume', async () => (await admin.hlen('{certfleet}:volumes:node-a')) === 1);
    // Emptied by a restart, which also removes the nodes' users and the scripts.
    await fixture.redis.kill();
    await fixture.redis.start();
    await eventually(
      'the loss',
      async () => (await metric(fixture, 'redis_state_loss_total{lost="everything"}')) === 2,
    );
    await eventually('the volume', async () => (await admin.hlen('{certfleet}:volumes:node-a')) === 1);
    await eventually('the index', () => isOk(fixture));
    await fixture.api('renewals', { method: 'POST', body: { selection: { node: 'node-a' }, reason: 'x' } });
    await eventually('a renewal', () => volumes.renewals.length === 1);
  });

  /** One address in front of changing servers, like a Service or a DNS name. */
  class Switch implements AsyncDisposable {
    readonly #server: Server;
    readonly #sockets = new Set<Socket>();
    target: number;

    constructor(target: number) {
      this.target = target;
      this.#server = createServer((inward) => {
        const outward = connect(this.target, '127.0.0.1');
        for (const [socket, other] of [
          [inward, outward],
          [outward, inward],
        ] as const) {
          this.#sockets.add(socket);
          socket.on('error', () => undefined);
          socket.on('close', () => other.destroy());
          socket.pipe(other);
        }
      });
    }

    async listen(): Promise<number> {
      this.#server.listen(0, '127.0.0.1');
      await once(this.#server, 'listening');
      return (this.#server.address() as AddressInfo).port;
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.#server.close();
      for (const socket of this.#sockets) socket.destroy();
      await Promise.resolve();
    }
  }

  test('the client leaves a primary that becomes a replica behind one name, and lost writes are detected', async (t) => {
    await using fixture = await ControllerFixture.start();
    const spare = await startRedisServer({ args: ['--replicaof', `127.0.0.1 ${fixture.redis.port}`] });
    t.after(() => spare.stop());
    await using address = new Switch(fixture.redis.port);
    const port = await address.listen();
    await fixture.startController([...flags, `--redis-url=redis://127.0.0.1:${port}`]);
    const volumes = issuedVolume();
    fixture.startAgent(volumes);
    const [old, next] = [new Redis(fixture.redis.url), new Redis(spare.url)];
    t.after(() => [old, next].map((client) => client.disconnect()));
    await eventually('the copy', async () => (await next.hlen('{certfleet}:volumes:node-a')) === 1);
    // From here on the copy misses new writes, and acknowledged ones are lost.
    await next.replicaof('NO', 'ONE');
    const beat = async (client: Redis): Promise<number> => {
      const [key = ''] = await client.keys('{certfleet}:beat:*');
      return Number(await client.get(key));
    };
    const lastCopied = await beat(next);
    await eventually('two beats', async () => (await beat(old)) >= lastCopied + 2);
    address.target = spare.port;
    // Its connections stay: only its replies to writes reveal the change.
    await old.replicaof('127.0.0.1', spare.port);
    await eventually(
      'the new primary',
      async () => (await metric(fixture, 'redis_state_loss_total{lost="recent-writes"}')) >= 1,
    );
    volumes.set('csi-1', { ...volumes.report('csi-1'), generation: 7 });
    await eventually('reports there', async () => (await generations(fixture))[0] === 7);
    await fixture.api('renewals', { method: 'POST', body: { selection: { node: 'node-a' }, reason: 'x' } });
    await eventually('a renewal by the node', () => volumes.renewals.length === 1);
  });
});

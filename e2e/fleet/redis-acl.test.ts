// What the Redis user of a node can do, on a real redis-server: its own queue's work, and nothing of another node's.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { systemClock } from '../../libs/shared/src/clock.ts';
import type { RedisAccess } from '../../libs/shared/gen/fleet/v1/fleet.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { RenewalWorker } from '../../apps/node-agent/src/fleet/renewal-worker.ts';
import { RedisAcl } from '../../apps/renewal-controller/src/identity/redis-acl.ts';
import { startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';

const prefix = 'certfleet';
let server: RedisServer;
let admin: Redis;
let acl: RedisAcl;

before(async () => {
  server = await startRedisServer();
  admin = new Redis(server.url);
  acl = new RedisAcl({
    redis: admin,
    prefix,
    endpoint: () => ({ kind: 'single', servers: [{ host: '127.0.0.1', port: server.port }] }),
    clock: systemClock,
    lifetimeMs: 3_600_000,
  });
});

after(async () => {
  admin.disconnect();
  await server.stop();
});

/** A bare connection as a node's user, which fails at once instead of trying again. */
function connect({ username, password }: RedisAccess): Redis {
  const client = new Redis({
    port: server.port,
    username,
    password,
    retryStrategy: () => null,
    enableReadyCheck: false,
  });
  client.on('error', () => undefined);
  return client;
}

function queueOf({ queue, prefix: queuePrefix }: RedisAccess, connection: Redis): Queue {
  return new Queue(queue, { connection, prefix: queuePrefix, skipVersionCheck: true });
}

test('a node takes, renews and ends jobs of its own queue with the rights that it has', async () => {
  const access = await acl.grant('node-own');
  const lines: string[] = [];
  const done = Promise.withResolvers<[string, number]>();
  const worker = new RenewalWorker(access, {
    volumes: {
      renew: (volumeId, generation) => {
        done.resolve([volumeId, generation]);
        return Promise.resolve('renewed');
      },
      hold: () => Promise.reject(new Error('expected no hold')),
    },
    concurrency: 2,
    clock: systemClock,
    log: createLogger(1, { write: (line: string) => void lines.push(line) }),
  });
  const queue = queueOf(access, admin);
  await using events = new ClosingEvents(access, server.port);
  await events.ready();
  const job = await queue.add('renew', { volumeId: 'csi-1', generation: 7, cause: 'due' }, { jobId: 'abc-7' });
  assert.deepEqual(await done.promise, ['csi-1', 7]);
  assert.equal(await job.waitUntilFinished(events.events, 10_000), 'renewed');
  await worker.stop();
  assert.deepEqual(await queue.getJobCounts('active', 'waiting', 'completed', 'failed'), {
    active: 0,
    waiting: 0,
    completed: 0,
    failed: 0,
  });
  assert.deepEqual(lines, []);
});

/** The controller's side of a queue, to wait for the end of a job. */
class ClosingEvents implements AsyncDisposable {
  readonly events: QueueEvents;
  constructor(access: RedisAccess, port: number) {
    this.events = new QueueEvents(access.queue, { connection: { port }, prefix: access.prefix });
  }
  async ready(): Promise<void> {
    await this.events.waitUntilReady();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.events.close();
  }
}

test('a node can neither read, add to, nor drain the queue of another node', async () => {
  const own = await acl.grant('node-a');
  const other = await acl.grant('node-b');
  const otherQueue = queueOf(other, admin);
  await otherQueue.add('renew', { volumeId: 'csi-secret', generation: 1 }, { jobId: 'x-1' });
  const thief = connect(own);
  const stolen = queueOf(other, thief);
  stolen.on('error', () => undefined);
  const key = `${other.prefix}:${other.queue}`;
  const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
    'read a job': () => stolen.getJob('x-1'),
    'list jobs': () => stolen.getWaiting(),
    'add a job': () => stolen.add('renew', { volumeId: 'csi-1', generation: 1 }),
    drain: () => stolen.drain(),
    obliterate: () => stolen.obliterate({ force: true }),
    'read a key': () => thief.hgetall(`${key}:x-1`),
    'take a job': () => thief.lpop(`${key}:wait`),
    'move a job into its own queue': () =>
      thief.lmove(`${key}:wait`, `${own.prefix}:${own.queue}:wait`, 'LEFT', 'LEFT'),
    'copy a key': () => thief.copy(`${key}:x-1`, `${own.prefix}:${own.queue}:x-1`),
    'read by script': () => thief.eval(`return redis.call('HGETALL', '${key}:x-1')`, 0),
    'read a key of the controller': () => thief.hgetall(`{${prefix}}:nodes`),
    'read a stream of the controller': () => thief.xrange(`{${prefix}}:changes`, '-', '+'),
    'list keys': () => thief.keys('*'),
    'scan keys': () => thief.scan(0),
    'draw a key': () => thief.randomkey(),
    'watch for jobs': () => thief.subscribe('x'),
    'empty the database': () => thief.flushdb(),
    'change users': () => thief.acl('SETUSER', own.username, '~*'),
    'read users': () => thief.acl('LIST'),
    'read the configuration': () => thief.config('GET', '*'),
    'look at the server': () => thief.info(),
    'see other clients': () => thief.client('LIST'),
    'watch commands': () => thief.call('MONITOR'),
    'leave the database': () => thief.select(1),
    'swap databases': () => thief.call('SWAPDB', '0', '1'),
    'copy everything': () => thief.call('SYNC'),
  };
  for (const [what, attempt] of Object.entries(attempts)) {
    await assert.rejects(attempt(), /NOPERM|ACL|permission|access/i, `could ${what}`);
  }
  thief.disconnect();
  assert.deepEqual(await otherQueue.getJobCounts('waiting', 'delayed'), { waiting: 1, delayed: 0 });
  assert.equal((await otherQueue.getJob('x-1'))?.id, 'x-1');
});

test('an older password is good until the next but one is given, and never appears in the clear', async () => {
  const [first, second, third] = [await acl.grant('node-c'), await acl.grant('node-c'), await acl.grant('node-c')];
  assert.equal(new Set([first.password, second.password, third.password]).size, 3);
  const works = async (access: RedisAccess): Promise<boolean> => {
    const client = connect(access);
    try {
      await client.ping();
      return true;
    } catch {
      return false;
    } finally {
      client.disconnect();
    }
  };
  assert.deepEqual([await works(first), await works(second), await works(third)], [false, true, true]);
  await acl.revoke('node-c');
  await acl.revoke('node-c');
  assert.deepEqual([await works(second), await works(third)], [false, false]);
});

test('says what to do when Redis forbids making users', async () => {
  await admin.call('ACL', 'SETUSER', 'modest', 'on', '>modest', '~*', '+@all', '-@admin');
  const redis = new Redis({ port: server.port, username: 'modest', password: 'modest' });
  const modest = new RedisAcl({
    redis,
    prefix,
    endpoint: () => ({ kind: 'single', servers: [{ host: '127.0.0.1', port: server.port }] }),
    clock: systemClock,
    lifetimeMs: 1,
  });
  await assert.rejects(modest.grant('node-a'), { code: 'permission-denied', message: /redis-node-access=shared/ });
  redis.disconnect();
});

// The permissions of a node's Redis user on a real redis-server: the work of its own queue, and nothing of another
// node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { Queue, QueueEvents } from 'bullmq';
import { pack as packed } from 'msgpackr';
import { Redis } from 'ioredis';
import { systemClock } from '../../libs/shared/src/clock.ts';
import type { RedisAccess } from '../../libs/shared/gen/fleet/v1/fleet.ts';
import { createLogger } from '../../libs/shared/src/logger.ts';
import { RenewalWorker } from '../../apps/node-agent/src/fleet/renewal-worker.ts';
import { RedisAcl, nodeUserRules } from '../../apps/renewal-controller/src/identity/redis-acl.ts';
import { loadQueueScripts, queueScripts } from '../../apps/renewal-controller/src/redis/queue-scripts.ts';
import { startRedisServer } from '../support/redis-server.ts';
import type { RedisServer } from '../support/redis-server.ts';

const prefix = 'certfleet';
let server: RedisServer;
let admin: Redis;
let acl: RedisAcl;

before(async () => {
  server = await startRedisServer();
  admin = new Redis(server.url);
  await loadQueueScripts(admin);
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

/** A raw connection as a node's user, which fails at once instead of retrying. */
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

describe('the Redis user of a node', () => {
  test('a node takes, renews and completes jobs of its own queue with its permissions', async () => {
    const access = await acl.grant('node-own');
    const lines: string[] = [];
    const done = Promise.withResolvers<[string, number]>();
    const worker = new RenewalWorker(access, {
      volumes: {
        renew: (volumeId, generation) => {
          done.resolve([volumeId, generation]);
          return Promise.resolve('renewed');
        },
        defer: () => Promise.reject(new Error('expected no defer')),
      },
      concurrency: 2,
      clock: systemClock,
      log: createLogger(1, { write: (line: string) => void lines.push(line) }),
      onRefused: () => undefined,
    });
    const queue = queueOf(access, admin);
    await using events = new ClosingEvents(access, server.port);
    await events.ready();
    // A finished job is removed: to wait for it after it was added could be too late.
    const completed = once(events.events, 'completed') as Promise<[{ jobId: string; returnvalue: string }]>;
    await queue.add('renew', { volumeId: 'csi-1', generation: 7, cause: 'due' }, { jobId: 'abc-7' });
    assert.deepEqual(await done.promise, ['csi-1', 7]);
    const [{ jobId, returnvalue }] = await completed;
    assert.deepEqual([jobId, returnvalue], ['abc-7', 'renewed']);
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

  test('a node cannot read, add to, or drain the queue of another node', async () => {
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
      'wait for a job': () => thief.bzpopmin(`${key}:marker`, 1),
    };
    for (const [what, attempt] of Object.entries(attempts)) {
      await assert.rejects(attempt(), /NOPERM|ACL|permission|access/i, `could ${what}`);
    }
    thief.disconnect();
    assert.deepEqual(await otherQueue.getJobCounts('waiting', 'delayed'), { waiting: 1, delayed: 0 });
    assert.equal((await otherQueue.getJob('x-1'))?.id, 'x-1');
  });

  test('an older password is valid until the second next one is issued, and is never stored in plain text', async () => {
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
    const open = connect(third);
    await open.ping();
    const closed = new Promise((resolve) => open.once('close', resolve));
    await acl.revoke('node-c');
    // Redis closes the connections of a user that it deletes.
    await closed;
    open.disconnect();
    await acl.revoke('node-c');
    assert.deepEqual([await works(second), await works(third)], [false, false]);
  });

  test('explains what to do when Redis forbids creating users', async () => {
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

  test('a node can only run scripts of its queue, and none of them for long', async () => {
    const access = await acl.grant('node-evil');
    const evil = connect(access);
    const key = (name: string): string => `${access.prefix}:${access.queue}:${name}`;
    const other = await admin.script('LOAD', "return redis.call('SET', KEYS[1], ARGV[1])");
    const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
      'run an endless script': () => evil.eval('while true do end', 0),
      'run a script of somebody else': () => evil.evalsha(String(other), 1, key('x'), 'y'),
      'run a read-only script': () => evil.call('EVAL_RO', 'while true do end', '0'),
      'load a script': () => evil.script('LOAD', 'return 1'),
      'flush scripts': () => evil.script('FLUSH'),
      'load a function': () =>
        evil.call('FUNCTION', 'LOAD', '#!lua name=evil\nredis.register_function("f", function() end)'),
      'flush functions': () => evil.call('FUNCTION', 'FLUSH'),
      'call a function': () => evil.call('FCALL', 'f', '0'),
      'make one key of 300 MB': () => evil.setrange(key('x'), 300 * 2 ** 20, 'x'),
      'set a far bit': () => evil.setbit(key('x'), 2 ** 31, 1),
      'set a far bit field': () => evil.call('BITFIELD', key('x'), 'SET', 'u8', '4000000000', '1'),
      'append to a key': () => evil.append(key('x'), 'y'),
      'copy its own keys': () => evil.copy(key('x'), key('y')),
      sort: () => evil.sort(key('wait')),
      'search a list': () => evil.lpos(key('wait'), 'x'),
      'gather a transaction': () => evil.call('MULTI'),
      'watch keys': () => evil.watch(key('x')),
      subscribe: () => evil.subscribe('x'),
      'subscribe to a pattern': () => evil.psubscribe('*'),
      publish: () => evil.publish('x', 'y'),
      'track keys': () => evil.call('CLIENT', 'TRACKING', 'ON', 'BCAST'),
      'pause clients': () => evil.client('PAUSE', 1000),
      'end clients': () => evil.call('CLIENT', 'KILL', 'TYPE', 'normal'),
      'avoid eviction': () => evil.call('CLIENT', 'NO-EVICT', 'ON'),
      'restore a dump': () => evil.call('RESTORE', key('x'), '0', 'x'),
      'wait for replicas': () => evil.wait(1, 0),
      'make a user of itself stronger': () => evil.acl('SETUSER', access.username, '+@all'),
      'unite sets into a key': () => evil.zunionstore(key('x'), 1, key('y')),
      'join keys by a stored range': () => evil.call('ZRANGESTORE', key('x'), key('y'), '0', '-1'),
    };
    for (const [what, attempt] of Object.entries(attempts)) await assert.rejects(attempt(), /NOPERM/, `could ${what}`);
    evil.disconnect();
  });

  test('the scripts of a queue reject arguments and data that would keep Redis busy', async () => {
    const access = await acl.grant('node-busy');
    const evil = connect(access);
    const key = (name: string): string => `${access.prefix}:${access.queue}:${name}`;
    const [toActive, toFinished, stalled, extend] = queueScripts.map(({ sha }) => sha) as [
      string,
      string,
      string,
      string,
    ];
    const names = ['wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc'];
    const keys = names.map(key);
    const finished = [...keys, key('completed'), key('job'), key('metrics:completed'), key('marker')];
    // BullMQ's packed options: {token, keepJobs, maxMetricsSize, lockDuration}, as MessagePack.
    const pack = (value: Readonly<Record<string, unknown>>): Buffer => packed(value);
    const options = { token: '0', keepJobs: { count: 0 }, maxMetricsSize: '', lockDuration: 1000, attempts: 0 };
    const finish = (timestamp: string, given: object): Promise<unknown> =>
      evil.evalsha(
        toFinished,
        14,
        ...[...finished, 'job', timestamp, 'returnvalue', 'x', 'completed', '0', key('')],
        pack({ ...options, ...given }),
      );
    await evil.hset(key('job'), 'name', 'x');
    await evil.lpush(key('active'), 'job');
    const refusals: Readonly<Record<string, () => Promise<unknown>>> = {
      'metrics without end': () => finish('1', { maxMetricsSize: 1e15 }),
      'metrics without end in a string': () => finish('1', { maxMetricsSize: '1e15' }),
      'jobs that are kept': () => finish('1', { keepJobs: { count: 1 } }),
      'a rate limit': () => finish('1', { limiter: { max: 1 } }),
      'a time that is none': () => finish('nan', {}),
      'a time without end': () => finish('1e300', {}),
      'an argument of a megabyte': () =>
        evil.evalsha(toActive, 11, ...keys, key('marker'), key(''), '1', 'x'.repeat(1_000_000)),
      'a thousand arguments': () =>
        evil.evalsha(toActive, 11, ...keys, key('marker'), ...Array.from({ length: 1000 }, () => '1')),
      'options that are none': () => evil.evalsha(toActive, 11, ...keys, key('marker'), key(''), '1', '\xff\xff'),
      'no keys': () => evil.evalsha(toActive, 0),
      'jobs that are none': () => evil.evalsha(extend, 1, key('stalled'), key(''), 'x', 'y', '1000'),
    };
    for (const [what, attempt] of Object.entries(refusals))
      await assert.rejects(attempt(), /certfleet refuses|ERR/, `took ${what}`);
    await evil.hset(key('job'), 'parentKey', key('job'));
    await assert.rejects(finish('1', {}), /refuses the job/);
    await evil.hdel(key('job'), 'parentKey');
    assert.equal(await finish('1', {}), 0);

    const many = Array.from({ length: 2_000 }, (_, i) => `j${i}`);
    await evil.lpush(key('active'), ...many);
    await evil.sadd(key('stalled'), ...many);
    const move = evil.evalsha(
      stalled,
      9,
      ...['stalled', 'wait', 'active', 'stalled-check', 'meta', 'paused', 'marker', 'events', 'repeat'].map(key),
      ...['1', key(''), '1', '1000'],
    );
    await assert.rejects(move, /refuses the length of the queue/);
    evil.disconnect();
  });

  test('every command that the scripts call on permitted paths is allowed', () => {
    const rules = nodeUserRules('{p}', { kind: 'single', servers: [] });
    // Only reached by jobs with parents or deduplication, metrics and lists of finished jobs, which the guards reject.
    const unreachable = new Set(['ltrim', 'zremrangebyrank', 'zremrangebyscore', 'zrevrange', 'zrevrangebyscore']);
    const called = queueScripts.flatMap(({ source }) =>
      [...source.matchAll(/r?call\(\s*["'](\w+)["']/gi)].map(([, name = '']) => name.toLowerCase()),
    );
    assert.ok(called.length > 100);
    for (const name of new Set(called)) if (!unreachable.has(name)) assert.ok(rules.includes(`+${name}`), name);
    // The worker's own blocking command.
    assert.ok(rules.includes('+bzpopmin'));
  });

  test('a worker waits for scripts that Redis lost, and continues when they are back', async () => {
    const access = await acl.grant('node-waits');
    await admin.script('FLUSH');
    const done = Promise.withResolvers<string>();
    const worker = new RenewalWorker(access, {
      volumes: {
        renew: (volumeId) => {
          done.resolve(volumeId);
          return Promise.resolve('renewed');
        },
        defer: () => Promise.reject(new Error('expected no defer')),
      },
      concurrency: 1,
      clock: systemClock,
      log: createLogger(0, { write: () => undefined }),
      onRefused: () => undefined,
    });
    await queueOf(access, admin).add('renew', { volumeId: 'csi-1', generation: 1, cause: 'due' }, { jobId: 'abc-1' });
    await admin.script('FLUSH');
    await loadQueueScripts(admin);
    assert.equal(await done.promise, 'csi-1');
    await worker.stop();
  });
});

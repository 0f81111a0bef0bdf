import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '@certfleet/shared/clock.ts';
import { createLogger } from '@certfleet/shared/logger.ts';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { startRedisServer } from '../../../../e2e/support/redis-server.ts';
import { createRedis } from './create-redis.ts';
import type { RedisClient } from './create-redis.ts';
import type { StateLoss } from './redis-epoch.ts';
import { RedisProbe } from './redis-probe.ts';
import type { RedisProbeParts } from './redis-probe.ts';

describe('RedisProbe', () => {
  test('warns once each time that Redis may evict renewals, and notices another server', async (t) => {
    const server = await startRedisServer({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    t.after(() => server.stop());
    const lines: string[] = [];
    const logger = createLogger(0, { write: (line: string) => void lines.push(line) });
    const redis = createRedis({ url: server.url }, 'worker', 'test');
    redis.on('error', () => undefined);
    t.after(() => redis.disconnect());
    const probe = new RedisProbe({ redis, clock: systemClock, logger });
    let replaced = 0;
    probe.onReplaced(() => (replaced += 1));
    const warnings = (): number => lines.filter((line) => line.includes('set maxmemory-policy to noeviction')).length;

    await probe.look();
    await probe.look();
    assert.equal(warnings(), 1);
    assert.match(lines[0] ?? '', /allkeys-lru/);
    assert.deepEqual([probe.health.reachable, probe.health.maxmemoryPolicy], [true, 'allkeys-lru']);
    assert.ok((probe.health.usedMemoryBytes ?? 0) > 0 && (probe.health.latencyMs ?? -1) >= 0);

    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await probe.look();
    assert.equal(probe.health.maxmemoryPolicy, 'noeviction');
    await redis.config('SET', 'maxmemory-policy', 'volatile-ttl');
    await probe.look();
    assert.equal(warnings(), 2);

    assert.equal(replaced, 0);
    await server.kill();
    await server.start();
    await probe.look();
    assert.equal(replaced, 1);
  });

  test('marks Redis twice a second to detect the loss of one second, also after a failed mark', async () => {
    const clock = new ManualClock();
    const redis = Object.assign(new EventEmitter(), { status: 'ready' }) as unknown as RedisClient;
    const lines: string[] = [];
    const answers: (StateLoss | undefined | Error)[] = [undefined, new Error('away'), 'recent-writes', undefined];
    let beats = 0;
    const epoch = {
      beat: async () => {
        beats += 1;
        const answer = await Promise.resolve(answers.shift());
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
    const logger = createLogger(0, { write: (line: string) => void lines.push(line) });
    const probe = new RedisProbe({ redis, clock, logger, epoch });
    const lost: StateLoss[] = [];
    let replaced = 0;
    probe.onStateLoss((what) => lost.push(what));
    probe.onReplaced(() => (replaced += 1));
    probe.start();
    for (let i = 0; i < 4; i += 1) {
      await clock.advance(500);
      await setImmediate();
    }
    assert.deepEqual([beats, lost, replaced], [4, ['recent-writes'], 1]);
    assert.equal(lines.filter((line) => line.includes('Redis lost state')).length, 1);
    probe.stop();
    await clock.advance(500);
    await setImmediate();
    assert.equal(beats, 4);
  });

  /** A probe of this server, and its log lines that contain a text. */
  function probeOf(
    t: TestContext,
    options: Parameters<typeof createRedis>[0],
    parts: Pick<RedisProbeParts, 'nodes' | 'makesUsers'>,
  ): {
    readonly probe: RedisProbe;
    readonly redis: RedisClient;
    readonly linesWith: (text: string) => readonly string[];
  } {
    const lines: string[] = [];
    const logger = createLogger(0, { write: (line: string) => void lines.push(line) });
    const redis = createRedis(options, 'worker', 'test');
    redis.on('error', () => undefined);
    t.after(() => redis.disconnect());
    const probe = new RedisProbe({ redis, clock: systemClock, logger, ...parts });
    return { probe, redis, linesWith: (text) => lines.filter((line) => line.includes(text)) };
  }

  test('warns once each time that an append-only file is used with the default user off', async (t) => {
    const server = await startRedisServer({ appendOnly: true });
    t.after(() => server.stop());
    const admin = createRedis({ url: server.url }, 'worker', 'test');
    t.after(() => admin.disconnect());
    await admin.call('ACL', 'SETUSER', 'certfleet', 'on', '>secret', '~*', '&*', '+@all');
    admin.disconnect();
    const passwordFile = join(server.directory, 'password');
    writeFileSync(passwordFile, 'secret');
    const login = { url: server.url, username: 'certfleet', passwordFile };
    const { probe, redis, linesWith } = probeOf(t, login, { makesUsers: true });
    const warnings = (): number => linesWith('append-only file and its default user is off').length;

    await probe.look();
    assert.equal(warnings(), 0);
    await redis.call('ACL', 'SETUSER', 'default', 'off');
    await probe.look();
    await probe.look();
    assert.equal(warnings(), 1);
    await redis.call('ACL', 'SETUSER', 'default', 'on');
    await probe.look();
    await redis.call('ACL', 'SETUSER', 'default', 'off');
    await probe.look();
    assert.equal(warnings(), 2);

    await redis.config('SET', 'appendonly', 'no');
    await probe.look();
    assert.equal(warnings(), 2);
    assert.equal(probe.health.problem, undefined);
  });

  test('does not read users without creating them, and does not warn about them', async (t) => {
    const server = await startRedisServer({ appendOnly: true });
    t.after(() => server.stop());
    const { probe, redis, linesWith } = probeOf(t, { url: server.url }, { makesUsers: false });
    // Existing connections are not affected.
    await redis.call('ACL', 'SETUSER', 'default', 'off');
    await probe.look();
    assert.equal(probe.health.reachable, true);
    assert.deepEqual(linesWith('default user'), []);
  });

  test('warns when the known nodes need more connections than Redis accepts', async (t) => {
    const server = await startRedisServer({ args: ['--maxclients', '120'] });
    t.after(() => server.stop());
    let nodes = 10;
    const { probe, redis, linesWith } = probeOf(t, { url: server.url }, { nodes: () => nodes });
    const warnings = (): readonly string[] => linesWith('raise maxclients');

    await probe.look();
    assert.equal(warnings().length, 0);
    nodes = 11;
    await probe.look();
    await probe.look();
    assert.equal(warnings().length, 1);
    const { maxclients, needed, nodes: known } = JSON.parse(warnings()[0] ?? '') as Record<string, unknown>;
    assert.deepEqual({ maxclients, needed, known }, { maxclients: 120, needed: 122, known: 11 });
    assert.equal(probe.health.clients?.limit, 120);

    await redis.config('SET', 'maxclients', '200');
    await probe.look();
    nodes = 51;
    await probe.look();
    assert.equal(warnings().length, 2);
  });
});

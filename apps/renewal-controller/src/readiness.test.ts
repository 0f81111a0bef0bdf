import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { Readiness } from './readiness.ts';
import { unreachableRedis } from './redis/redis-health.ts';
import type { RedisHealth } from './redis/redis-health.ts';

const healthy: RedisHealth = { ...unreachableRedis, reachable: true };

function setUp(): {
  clock: ManualClock;
  readiness: Readiness;
  world: { isCurrent: boolean; health: RedisHealth; intentProblem: string | undefined };
} {
  const clock = new ManualClock();
  const world = { isCurrent: false, health: unreachableRedis, intentProblem: undefined as string | undefined };
  const readiness = new Readiness({
    clock,
    index: world,
    redisHealth: () => world.health,
    intentProblem: () => world.intentProblem,
  });
  return { clock, readiness, world };
}

describe('Readiness', () => {
  test('waits for the index at startup, and is ready but degraded when Redis becomes unavailable', async () => {
    const { clock, readiness, world } = setUp();
    world.health = healthy;
    assert.equal(readiness.look().isReady, false);
    readiness.noteServing();
    assert.deepEqual(readiness.look(), { isReady: false, status: 'starting', reason: 'the index is not loaded' });
    world.isCurrent = true;
    assert.deepEqual(readiness.look(), { isReady: true, status: 'ok', reason: undefined });
    world.isCurrent = false;
    world.health = unreachableRedis;
    assert.deepEqual(readiness.look(), { isReady: true, status: 'degraded', reason: 'Redis is unreachable' });
    await clock.advance(86_400_000);
    assert.equal(readiness.look().isReady, true);
  });

  test('becomes ready as degraded if Redis is unavailable at startup', async () => {
    const { clock, readiness } = setUp();
    readiness.noteServing();
    assert.equal(readiness.look().isReady, false);
    await clock.advance(15_000);
    assert.deepEqual(readiness.look(), { isReady: true, status: 'degraded', reason: 'Redis is unreachable' });
  });

  test('reports a full or forbidding Redis as degraded', () => {
    const { readiness, world } = setUp();
    readiness.noteServing();
    world.isCurrent = true;
    world.health = healthy;
    assert.equal(readiness.look().status, 'ok');
    world.health = { ...healthy, problem: { kind: 'refuses-writes', message: 'OOM' } };
    assert.equal(readiness.look().reason, 'Redis refuses writes');
    world.health = { ...healthy, problem: { kind: 'forbidden', message: 'NOPERM' } };
    assert.equal(readiness.look().reason, 'Redis denies commands that the controller needs');
  });
});

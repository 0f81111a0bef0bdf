import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { SecondCache } from './second-cache.ts';

function cacheAt(): {
  readonly cache: SecondCache<number>;
  readonly make: () => Promise<number>;
  readonly made: () => number;
  readonly pass: (ms: number) => Promise<void>;
} {
  let made = 0;
  const clock = new ManualClock();
  return {
    cache: new SecondCache(clock, { onEvent: () => undefined }),
    make: () => Promise.resolve((made += 1)),
    made: () => made,
    pass: (ms) => clock.advance(ms),
  };
}

describe('SecondCache', () => {
  test('caches a value for a second and shares a pending one', async () => {
    const { cache, make, made, pass } = cacheAt();
    assert.deepEqual(await Promise.all([cache.get('a', make), cache.get('a', make)]), [1, 1]);
    await pass(999);
    assert.equal(await cache.get('a', make), 1);
    assert.equal(await cache.get('b', make), 2);
    assert.equal(made(), 2);
  });

  test('returns a stale value at once while one refresh runs for all callers', async () => {
    const { cache, make, made, pass } = cacheAt();
    await cache.get('a', make);
    await pass(1_500);
    assert.deepEqual(await Promise.all([cache.get('a', make), cache.get('a', make)]), [1, 1]);
    assert.equal(made(), 2);
    await pass(0);
    assert.equal(await cache.get('a', make), 2);
    await pass(2_000);
    assert.equal(await cache.get('a', make), 3);
  });

  test('clears entries, including pending ones, on an event', async () => {
    const { cache, make, pass } = cacheAt();
    await cache.get('a', make);
    await pass(1_500);
    await cache.get('a', make);
    cache.clear();
    assert.equal(await cache.get('a', make), 3);
    await pass(0);
    assert.equal(await cache.get('a', make), 3);
  });

  test('reports a failure and does not cache it', async () => {
    const { cache, make, pass } = cacheAt();
    const fail = (): Promise<number> => Promise.reject(new Error('no'));
    await assert.rejects(cache.get('a', fail), /no/);
    assert.equal(await cache.get('a', make), 1);
    await pass(1_500);
    assert.equal(await cache.get('a', fail), 1);
    await pass(0);
    assert.equal(await cache.get('a', make), 2);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Cache } from './cache.ts';
import { ManualClock } from './manual-clock.ts';

function cacheAt(options: { readonly staleMs?: number; readonly maxEntries?: number } = {}): {
  readonly cache: Cache<number>;
  readonly make: () => Promise<number>;
  readonly made: () => number;
  readonly pass: (ms: number) => Promise<void>;
} {
  let made = 0;
  const clock = new ManualClock();
  return {
    cache: new Cache({ clock, ttlMs: 1_000, maxEntries: 8, ...options }),
    make: () => Promise.resolve((made += 1)),
    made: () => made,
    pass: (ms) => clock.advance(ms),
  };
}

describe('Cache', () => {
  test('keeps a value until its age reaches the TTL', async () => {
    const { cache, pass } = cacheAt();
    cache.set('a', 1);
    cache.set('b', 2, 1_500);
    await pass(999);
    assert.deepEqual([cache.get('a'), cache.get('b')], [1, 2]);
    await pass(1);
    assert.deepEqual([cache.get('a'), cache.get('b')], [undefined, 2]);
    cache.delete('b');
    assert.equal(cache.get('b'), undefined);
  });

  test('evicts the least recently used entry beyond the maximum', () => {
    const { cache } = cacheAt({ maxEntries: 2 });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.get('a');
    cache.set('c', 3);
    assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [1, undefined, 3]);
  });

  test('loads a value once per TTL and shares a pending load', async () => {
    const { cache, make, made, pass } = cacheAt();
    assert.deepEqual(await Promise.all([cache.load('a', make), cache.load('a', make)]), [1, 1]);
    await pass(999);
    assert.equal(await cache.load('a', make), 1);
    assert.equal(await cache.load('b', make), 2);
    await pass(1);
    assert.equal(await cache.load('a', make), 3);
    assert.equal(made(), 3);
  });

  test('returns a stale value at once while one refresh runs for all callers', async () => {
    const { cache, make, made, pass } = cacheAt({ staleMs: 1_000 });
    await cache.load('a', make);
    await pass(1_500);
    assert.deepEqual(await Promise.all([cache.load('a', make), cache.load('a', make)]), [1, 1]);
    assert.equal(made(), 2);
    await pass(0);
    assert.equal(await cache.load('a', make), 2);
    await pass(2_000);
    assert.equal(await cache.load('a', make), 3);
  });

  test('waits for a pending refresh when the value is too old', async () => {
    const { cache, make, pass } = cacheAt({ staleMs: 1_000 });
    const refresh = Promise.withResolvers<number>();
    await cache.load('a', make);
    await pass(1_500);
    assert.equal(await cache.load('a', () => refresh.promise), 1);
    await pass(500);
    const waiting = cache.load('a', make);
    refresh.resolve(7);
    assert.equal(await waiting, 7);
  });

  test('gives pending callers their value after a clear, but does not cache it', async () => {
    const { cache, make, pass } = cacheAt({ staleMs: 1_000 });
    const first = cache.load('a', make);
    cache.clear();
    assert.deepEqual([await first, await cache.load('a', make)], [1, 2]);
    await pass(1_500);
    await cache.load('a', make);
    cache.clear();
    assert.equal(await cache.load('a', make), 4);
    await pass(0);
    assert.equal(await cache.load('a', make), 4);
  });

  test('gives pending callers their value when their entry is evicted', async () => {
    const { cache, make } = cacheAt({ maxEntries: 1 });
    assert.deepEqual(await Promise.all([cache.load('a', make), cache.load('b', make)]), [1, 2]);
  });

  test('reports a failure and does not cache it', async () => {
    const { cache, make, pass } = cacheAt({ staleMs: 1_000 });
    const fail = (): Promise<number> => Promise.reject(new Error('no'));
    const throwing = (): number => {
      throw new Error('thrown');
    };
    await assert.rejects(cache.load('a', fail), /no/);
    await assert.rejects(cache.load('a', throwing), /thrown/);
    assert.equal(await cache.load('a', make), 1);
    await pass(1_500);
    assert.equal(await cache.load('a', fail), 1);
    await pass(0);
    assert.equal(await cache.load('a', make), 2);
  });

  test('reports the failure of a load that was cleared', async () => {
    const { cache } = cacheAt();
    const failing = cache.load('a', () => Promise.reject(new Error('no')));
    cache.clear();
    await assert.rejects(failing, /no/);
  });
});

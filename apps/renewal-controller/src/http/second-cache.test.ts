import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('who asks within a second gets the same answer, and one that is made is waited for', async () => {
  const { cache, make, made, pass } = cacheAt();
  assert.deepEqual(await Promise.all([cache.get('a', make), cache.get('a', make)]), [1, 1]);
  await pass(999);
  assert.equal(await cache.get('a', make), 1);
  assert.equal(await cache.get('b', make), 2);
  assert.equal(made(), 2);
});

test('who asks a little later gets the last answer at once, and the next is made once for all who come after', async () => {
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

test('an event empties it, also of what was being made', async () => {
  const { cache, make, pass } = cacheAt();
  await cache.get('a', make);
  await pass(1_500);
  await cache.get('a', make);
  cache.clear();
  assert.equal(await cache.get('a', make), 3);
  await pass(0);
  assert.equal(await cache.get('a', make), 3);
});

test('a failure is told and not kept', async () => {
  const { cache, make, pass } = cacheAt();
  const fail = (): Promise<number> => Promise.reject(new Error('no'));
  await assert.rejects(cache.get('a', fail), /no/);
  assert.equal(await cache.get('a', make), 1);
  await pass(1_500);
  assert.equal(await cache.get('a', fail), 1);
  await pass(0);
  assert.equal(await cache.get('a', make), 2);
});

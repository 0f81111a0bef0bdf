import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { cached } from './cached.ts';

test('everybody who asks within a while gets the answer of the first, also while it is made', async () => {
  const clock = new ManualClock(0);
  let loads = 0;
  const ask = cached(clock, 1_000, () => Promise.resolve((loads += 1)));
  assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1]);
  await clock.advance(999);
  assert.equal(await ask(), 1);
  await clock.advance(1);
  assert.equal(await ask(), 2);
});

test('a failure is told and not kept for ever', async () => {
  const clock = new ManualClock(0);
  let isBroken = true;
  const ask = cached(clock, 1_000, () => (isBroken ? Promise.reject(new Error('broken')) : Promise.resolve('whole')));
  await assert.rejects(ask(), /broken/);
  isBroken = false;
  await clock.advance(1_000);
  assert.equal(await ask(), 'whole');
});

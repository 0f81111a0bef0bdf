import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { cached } from './cached.ts';

describe('cached', () => {
  test('caches a value for the given time and shares a pending one', async () => {
    const clock = new ManualClock(0);
    let loads = 0;
    const ask = cached(clock, 1_000, () => Promise.resolve((loads += 1)));
    assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1]);
    await clock.advance(999);
    assert.equal(await ask(), 1);
    await clock.advance(1);
    assert.equal(await ask(), 2);
  });

  test('reports a failure and tries again after the given time', async () => {
    const clock = new ManualClock(0);
    let isBroken = true;
    const ask = cached(clock, 1_000, () => (isBroken ? Promise.reject(new Error('broken')) : Promise.resolve('whole')));
    await assert.rejects(ask(), /broken/);
    isBroken = false;
    await clock.advance(1_000);
    assert.equal(await ask(), 'whole');
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ManualClock } from '../manual-clock.ts';

import { RequestLimiter } from './request-limiter.ts';

const unlimitedRate = { qps: 0, burst: 0 };

describe('RequestLimiter', () => {
  test('runs waiting work in order of arrival', async () => {
    const limiter = new RequestLimiter({ maxInFlight: 1, ...unlimitedRate }, new ManualClock());
    const order: number[] = [];
    const first = Promise.withResolvers<undefined>();
    const works = [limiter.run(() => first.promise)];
    for (const n of [1, 2, 3]) works.push(limiter.run(() => Promise.resolve(void order.push(n))));
    assert.deepEqual([limiter.inFlight, limiter.waiting, order], [1, 3, []]);
    first.resolve(undefined);
    await Promise.all(works);
    assert.deepEqual([limiter.inFlight, limiter.waiting, order], [0, 0, [1, 2, 3]]);
  });

  test('removes an aborted request from the queue, and frees the slot of a failed one', async () => {
    const limiter = new RequestLimiter({ maxInFlight: 1, ...unlimitedRate }, new ManualClock());
    const first = Promise.withResolvers<undefined>();
    const failing = limiter.run(() => first.promise);
    const caller = new AbortController();
    const gaveUp = limiter.run(() => Promise.reject(new Error('must not run')), caller.signal);
    const last = limiter.run(() => Promise.resolve('done'));
    caller.abort(new Error('no longer'));
    await assert.rejects(gaveUp, /no longer/);
    first.reject(new Error('failed'));
    await assert.rejects(failing, /failed/);
    assert.equal(await last, 'done');
    assert.deepEqual([limiter.inFlight, limiter.waiting], [0, 0]);
  });

  test('spaces requests by the rate after the burst', async () => {
    const clock = new ManualClock();
    const limiter = new RequestLimiter({ maxInFlight: 10, qps: 2, burst: 2 }, clock);
    let done = 0;
    const works = Array.from({ length: 4 }, () => limiter.run(() => Promise.resolve(void (done += 1))));
    await clock.advance(0);
    assert.equal(done, 2);
    await clock.advance(499);
    assert.equal(done, 2);
    await clock.advance(1);
    assert.equal(done, 3);
    await clock.advance(500);
    await Promise.all(works);
  });
});

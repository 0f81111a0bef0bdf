import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from '@certfleet/shared/manual-clock.ts';
import { ActiveMounts } from './active-mounts.ts';

describe('ActiveMounts', () => {
  test('is idle at once when nothing is in progress', async () => {
    await new ActiveMounts(new ManualClock()).idle(1_000);
  });

  test('waits for all work, including work that fails', async () => {
    const clock = new ManualClock();
    const work = new ActiveMounts(clock);
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    const running = [work.during(() => first.promise), work.during(() => second.promise)];
    let isIdle = false;
    const waiting = work.idle(1_000).then(() => (isIdle = true));
    first.resolve();
    await clock.advance(1);
    assert.equal(isIdle, false);
    second.reject(new Error('failed'));
    await Promise.allSettled(running);
    await waiting;
    assert.equal(clock.timers, 0);
  });

  test('waits no longer than the limit, and not at all after an abort', async () => {
    const clock = new ManualClock();
    const work = new ActiveMounts(clock);
    void work.during(() => new Promise(() => undefined));
    let isIdle = false;
    void work.idle(1_000).then(() => (isIdle = true));
    await clock.advance(999);
    assert.equal(isIdle, false);
    await clock.advance(1);
    assert.equal(isIdle, true);
    const waiter = new AbortController();
    const left = work.idle(1_000, waiter.signal);
    waiter.abort();
    await left;
    await work.idle(1_000, waiter.signal);
    assert.equal(clock.timers, 0);
  });
});
